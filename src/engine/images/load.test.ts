import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { Readable } from 'node:stream'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { decompressed } from '#kernel/files/decompress.ts'
import { MEDIA } from '#codec/oci/manifest.ts'
import { bytesOf, setup, streamOf, tarOf } from './testing/setup.ts'
import type { Files } from './testing/setup.ts'

const sha = (bytes: Buffer | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const LAYER = await tarOf({ hello: 'world' })
const UPPER = await tarOf({ second: 'layer' })

const configOf = (layers: Buffer[], architecture = 'amd64') =>
  JSON.stringify({
    architecture,
    os: 'linux',
    created: '2026-01-02T03:04:05Z',
    config: { Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: layers.map(sha) },
  })

/** The layout of `docker save` before version 25, manifest first. */
function legacy(tags: string[] | null, layers = [LAYER, UPPER]): Files {
  const config = configOf(layers)
  const files: Files = {
    'manifest.json': JSON.stringify([
      { Config: `${sha(config).slice(7)}.json`, RepoTags: tags, Layers: layers.map((_, i) => `l${i}/layer.tar`) },
    ]),
    [`${sha(config).slice(7)}.json`]: config,
    'l0/VERSION': '1.0',
    repositories: '{}',
  }
  layers.forEach((layer, i) => (files[`l${i}/layer.tar`] = layer))
  return files
}

/** An OCI layout with an index of two platforms below the top index. */
function layout(annotations: Record<string, string>, present = ['amd64', 'arm64']): Files {
  const blobs: Files = {}
  const put = (content: string | Buffer, mediaType: string) => {
    blobs[`blobs/sha256/${sha(content).slice(7)}`] = content
    return { mediaType, digest: sha(content), size: Buffer.byteLength(content) }
  }
  const manifests = ['amd64', 'arm64'].map(architecture => {
    const layer = put(gzipSync(LAYER), `${MEDIA.ociLayer}+gzip`)
    const config = put(configOf([LAYER], architecture), MEDIA.ociConfig)
    const text = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers: [layer] })
    const entry = { ...put(text, MEDIA.ociManifest), platform: { os: 'linux', architecture } }
    if (!present.includes(architecture)) delete blobs[`blobs/sha256/${sha(text).slice(7)}`]
    return entry
  })
  const index = put(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests }), MEDIA.ociIndex)
  const top = { schemaVersion: 2, manifests: [{ ...index, annotations }] }
  return { ...blobs, 'index.json': JSON.stringify(top), 'oci-layout': '{"imageLayoutVersion":"1.0.0"}' }
}

describe('load', () => {
  for (const [name, compress] of [
    ['plain', (b: Buffer) => b],
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    it(`reads an older docker archive, ${name}`, async () => {
      const { images, content, snapshots, events } = setup()
      const lines: string[] = []
      const tar = compress(await tarOf(legacy(['busybox:1'])))
      const [image] = await images.load(streamOf(tar), line => line.stream && lines.push(line.stream))
      assert.equal(image!.id, sha(configOf([LAYER, UPPER])))
      assert.deepEqual(image!.tags, ['docker.io/library/busybox:1'])
      assert.deepEqual(lines, ['Loaded image: busybox:1\n'])
      assert.equal(snapshots.list().length, 2)
      assert.equal(snapshots.parentOf(image!.layers[1]!.chainId), image!.layers[0]!.chainId)
      // Two layers, configuration, manifest: what the archive held besides is gone.
      assert.equal(content.blobs.size, 4)
      assert.deepEqual(
        events.map(event => event.Action),
        ['load'],
      )
    })
  }

  it('does not mind the order of files', async () => {
    const { images } = setup()
    const files = Object.entries(legacy(['x:1'])).reverse()
    const [image] = await images.load(streamOf(await tarOf(Object.fromEntries(files))), () => {})
    assert.deepEqual(image!.tags, ['docker.io/library/x:1'])
  })

  it('follows links of repeated layers and loads a layer once', async () => {
    const { images, snapshots } = setup()
    const tar = pack()
    const config = configOf([LAYER])
    tar.entry({ name: './a/layer.tar' }, LAYER)
    tar.entry({ name: 'b/layer.tar', type: 'symlink', linkname: '../a/layer.tar' })
    tar.entry({ name: 'loop', type: 'symlink', linkname: 'loop' })
    tar.entry({ name: 'c.json' }, config)
    const entry = { Config: 'c.json', RepoTags: ['x:1'], Layers: ['b/layer.tar'] }
    tar.entry({ name: 'manifest.json' }, JSON.stringify([entry, { ...entry, RepoTags: null }]))
    tar.finalize()
    const [image, again] = await images.load(Readable.from(tar, { objectMode: false }), () => {})
    assert.equal(image!.layers[0]!.digest, sha(LAYER))
    assert.deepEqual(again!.tags, ['docker.io/library/x:1'])
    assert.equal(snapshots.list().length, 1)
  })

  it('picks the platform from nested indexes and keeps the manifest', async () => {
    const { images, content } = setup()
    const archive = await tarOf(layout({ 'io.containerd.image.name': 'docker.io/library/multi:2' }))
    const [image] = await images.load(streamOf(archive), () => {})
    assert.deepEqual([image!.platform.architecture, image!.tags], ['amd64', ['docker.io/library/multi:2']])
    assert.equal(image!.layers[0]!.digest, sha(gzipSync(LAYER)))
    assert.ok(content.blobs.has(image!.manifestDigest))
    const platform = { os: 'linux', architecture: 'arm64' }
    const [other] = await images.load(streamOf(archive), () => {}, { platform })
    assert.equal(other!.platform.architecture, 'arm64')
    assert.throws(() => images.resolve('multi:2', { os: 'linux', architecture: 'amd64' }), /does not match/)
    assert.deepEqual(images.resolve(image!.id).tags, [])
  })

  it('takes what is there of an index whose other platforms were left out', async () => {
    const { images } = setup()
    const archive = await tarOf(layout({ 'org.opencontainers.image.ref.name': 'repo/app:1' }, ['amd64']))
    const [image] = await images.load(streamOf(archive), () => {})
    assert.deepEqual(image!.tags, ['docker.io/repo/app:1'])
    const onlyArm = await tarOf(layout({}, ['arm64']))
    await assert.rejects(
      setup().images.load(streamOf(onlyArm), () => {}),
      /no image for platform linux\/amd64/,
    )
  })

  it('moves a name and says so', async () => {
    const { images } = setup()
    const [first] = await images.load(streamOf(await tarOf(legacy(['x:1']))), () => {})
    const lines: string[] = []
    const other = await tarOf(legacy(['x:1'], [LAYER]))
    const [second] = await images.load(streamOf(other), line => line.stream && lines.push(line.stream))
    assert.match(lines[0]!, new RegExp(`^The image x:1 already exists, renaming the old one with ID ${first!.id} to`))
    assert.equal(images.resolve('x:1').id, second!.id)
    assert.deepEqual(images.resolve(first!.id).tags, [])
  })

  const wrong: [name: string, tar: () => Promise<Buffer>, message: RegExp][] = [
    ['no archive of images', () => tarOf({ a: 'b' }), /neither manifest.json nor index.json/],
    ['an empty file', async () => Buffer.alloc(0), /neither manifest.json nor index.json/],
    ['no tar', async () => Buffer.from('hello '.repeat(500)), /cut short or is not a tar/],
    ['a cut tar', async () => (await tarOf(legacy(['x:1']))).subarray(0, 3000), /cut short/],
    ['bad JSON', () => tarOf({ 'manifest.json': '{' }), /is not JSON/],
    ['a list of nonsense', () => tarOf({ 'manifest.json': '[1]' }), /without Config and Layers/],
    ['a missing layer', () => tarOf({ ...legacy(null), 'l1/layer.tar': '' }), /layer 1 of the image does not fit/],
    [
      'a file that is not there',
      () => tarOf({ 'manifest.json': '[{"Config":"../../etc/passwd","Layers":[]}]' }),
      /lacks the file \.\.\/\.\.\/etc\/passwd/,
    ],
    ['a swapped layer', () => tarOf({ ...legacy(null), 'l0/layer.tar': UPPER }), /layer 0 of the image does not fit/],
    ['a bad name', () => tarOf(legacy(['Bad:1'])), /must be lowercase/],
    ['bzip2', async () => Buffer.from('BZh91AY&SY'), /compressed with bzip2/],
  ]
  for (const [name, tar, message] of wrong) {
    it(`refuses ${name} and leaves nothing`, async () => {
      const { images, content, snapshots } = setup()
      await assert.rejects(
        images.load(streamOf(await tar()), () => {}),
        { kind: 'invalid', message },
      )
      assert.deepEqual(await images.list(new Map(), { all: true }), [])
      assert.equal(content.blobs.size, 0)
      assert.deepEqual(snapshots.list(), [])
    })
  }
})

describe('what Node cannot open', () => {
  it('is handed to the host', async context => {
    const { status, stdout } = spawnSync('xz', ['-c'], { input: await tarOf(legacy(['x:1'])) })
    if (status !== 0) return context.skip('no xz here')
    const { images } = setup({ decompress: decompressed })
    const [image] = await images.load(streamOf(stdout), () => {})
    assert.deepEqual(image!.tags, ['docker.io/library/x:1'])
  })
})

describe('an image without layers', () => {
  it('has an empty root, which goes with it', async () => {
    const { images, snapshots } = setup()
    const [image] = await images.load(streamOf(await tarOf(legacy(['scratch:1'], []))), () => {})
    await images.mountImage(image!)
    assert.equal(snapshots.list().length, 1)
    await images.createRootfs('box', image!)
    await images.removeRootfs('box')
    await images.sweep(new Set())
    assert.equal(snapshots.list().length, 1)
    await images.remove('scratch:1', { force: false, noPrune: false })
    assert.deepEqual(snapshots.list(), [])
  })
})

describe('save', () => {
  it('gives back the same image, digests and all, each layer once', async () => {
    const a = setup()
    const [one] = await a.images.load(streamOf(await tarOf(legacy(['x:1', 'x:2']))), () => {})
    const [two] = await a.images.load(streamOf(await tarOf(layout({ 'io.containerd.image.name': 'y:1' }))), () => {})
    const saved = await bytesOf(await a.images.save(['x', 'y:1', one!.id]))
    const b = setup()
    const back = await b.images.load(streamOf(saved), () => {})
    assert.deepEqual(
      back.map(image => [image.id, image.tags, image.manifestDigest]),
      [
        [one!.id, one!.tags, one!.manifestDigest],
        [two!.id, two!.tags, two!.manifestDigest],
      ],
    )
    assert.deepEqual(await bytesOf(await b.images.save(['x', 'y:1', one!.id])), saved)
  })

  it('also writes the list that older clients read', async () => {
    const a = setup()
    await a.images.load(streamOf(await tarOf(legacy(['x:1']))), () => {})
    const { extract } = await import('tar-stream')
    const entries = extract()
    ;(await a.images.save(['x:1'])).pipe(entries)
    const names: string[] = []
    let list: unknown
    for await (const entry of entries) {
      names.push(entry.header.name)
      const parts: Buffer[] = []
      for await (const part of entry) parts.push(part as Buffer)
      if (entry.header.name === 'manifest.json') list = JSON.parse(Buffer.concat(parts).toString())
    }
    const [first] = list as { Config: string; RepoTags: string[]; Layers: string[] }[]
    assert.deepEqual(first!.RepoTags, ['x:1'])
    for (const path of [first!.Config, ...first!.Layers]) assert.ok(names.includes(path), path)
  })

  it('checks every name before it begins', async () => {
    const a = setup()
    await a.images.load(streamOf(await tarOf(legacy(['x:1']))), () => {})
    await assert.rejects(a.images.save(['x:1', 'nope']), { kind: 'not-found', message: 'No such image: nope:latest' })
  })

  it('keeps the blobs of an image that is removed while it is saved', async () => {
    const a = setup()
    const [image] = await a.images.load(streamOf(await tarOf(legacy(['x:1']))), () => {})
    const stream = await a.images.save(['x:1'])
    await a.images.remove('x:1', { force: false, noPrune: false })
    const [back] = await setup().images.load(streamOf(await bytesOf(stream)), () => {})
    assert.equal(back!.id, image!.id)
    await new Promise(resolve => setTimeout(resolve, 10))
    assert.equal(a.content.blobs.size, 0)
  })
})
