import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { systemClock } from '#lib/clock.ts'
import { HttpRegistry } from '#kernel/registry/index.ts'
import { CREDENTIALS, freePort, startCutter, startRegistry } from './testing/registry-server.ts'
import { setup, streamOf, tarOf } from './testing/setup.ts'
import type { ImagesOptions } from './context.ts'
import type { Progress } from './service.ts'

/** An image service with a real HTTP client, its lines in `lines`. */
function client(over: Partial<ImagesOptions> = {}) {
  const clock = { ...systemClock(), sleep: async () => {} }
  const registry = new HttpRegistry({ clock, backoff: 1 })
  const lines: Progress[] = []
  const statuses = () =>
    lines.map(line => (line.id ? `${line.id}: ` : '') + line.status).filter(l => !l.endsWith('ing'))
  return { ...setup({ registry, clock, ...over }), registry, lines, statuses, emit: (l: Progress) => lines.push(l) }
}

const LAYERS = [
  { name: 'small', bytes: await tarOf({ 'etc/motd': 'hello\n' }) },
  { name: 'packed', bytes: gzipSync(await tarOf({ 'bin/tool': randomBytes(300_000) })) },
  { name: 'big', bytes: await tarOf({ 'data.bin': randomBytes(3_000_000) }) },
]

/** Loads an image of the given layers and names it. */
async function made(c: ReturnType<typeof client>, reference: string, layers = LAYERS) {
  const { createHash } = await import('node:crypto')
  const { gunzipSync } = await import('node:zlib')
  const plain = (bytes: Buffer) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes)
  const diffIds = layers.map(l => `sha256:${createHash('sha256').update(plain(l.bytes)).digest('hex')}`)
  const config = {
    architecture: 'amd64',
    os: 'linux',
    created: '2026-01-02T03:04:05Z',
    config: { Cmd: ['sh'], Labels: { a: 'b' } },
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: [],
  }
  const archive = await tarOf({
    ...Object.fromEntries(layers.map(l => [`${l.name}/layer.tar`, l.bytes])),
    'config.json': JSON.stringify(config),
    'manifest.json': JSON.stringify([
      { Config: 'config.json', RepoTags: [reference], Layers: layers.map(l => `${l.name}/layer.tar`) },
    ]),
  })
  const [image] = await c.images.load(streamOf(archive), () => {})
  return image!
}

describe('pull and push against a real registry', () => {
  let registry: Awaited<ReturnType<typeof startRegistry>>
  before(async () => {
    registry = await startRegistry()
  })
  after(() => registry.stop())

  it('brings an image back with the same digests, and knows it the second time', async () => {
    const a = client()
    const name = `${registry.host}/team/app:1.0`
    const image = await made(a, name)
    await a.images.push({ reference: name }, a.emit)
    const digest = image.manifestDigest
    assert.ok(a.lines.some(l => l.status?.startsWith(`1.0: digest: ${digest} size: `)))
    assert.equal(a.statuses()[0], `The push refers to repository [${registry.host}/team/app]`)
    assert.equal(a.statuses().filter(l => l.endsWith(': Pushed')).length, 3)
    assert.deepEqual(a.images.resolve(name).digests, [`${registry.host}/team/app@${digest}`])

    const b = client()
    const pulled = await b.images.pull({ reference: name }, b.emit)
    assert.equal(pulled.id, image.id)
    assert.equal(pulled.manifestDigest, digest)
    assert.deepEqual(pulled.tags, [name])
    const short = image.layers.map(layer => layer.digest.slice(7, 19))
    const lines = b.statuses()
    assert.equal(lines[0], '1.0: Pulling from team/app')
    for (const id of short) {
      const own = lines.filter(line => line.startsWith(id)).map(line => line.slice(14))
      assert.deepEqual(own, ['Pulling fs layer', 'Verifying Checksum', 'Download complete', 'Pull complete'])
    }
    assert.deepEqual(lines.slice(-2), [`Digest: ${digest}`, `Status: Downloaded newer image for ${name}`])
    assert.deepEqual(b.events.at(-1), { Action: 'pull', ID: name, name: `${registry.host}/team/app` })

    b.lines.length = 0
    await b.images.pull({ reference: name }, b.emit)
    assert.deepEqual(b.statuses(), [
      '1.0: Pulling from team/app',
      `Digest: ${digest}`,
      `Status: Image is up to date for ${name}`,
    ])
    const byDigest = await b.images.pull({ reference: `${registry.host}/team/app@${digest}` }, () => {})
    assert.equal(byDigest.id, image.id)
    assert.equal(b.images.resolve(`${registry.host}/team/app@${digest}`).id, image.id)
  })

  it('mounts layers from a repository that has them and uploads no layer twice', async () => {
    const a = client()
    const first = `${registry.host}/mount/first:1`
    const second = `${registry.host}/mount/second:1`
    await made(a, first, [{ name: 'x', bytes: await tarOf({ x: randomBytes(1000) }) }])
    await a.images.push({ reference: first }, () => {})
    a.images.tag(first, second)
    await a.images.push({ reference: second }, a.emit)
    assert.ok(a.statuses().some(line => line.endsWith(': Mounted from mount/first')))
    a.lines.length = 0
    await a.images.push({ reference: second }, a.emit)
    assert.ok(a.statuses().some(line => line.endsWith(': Layer already exists')))
  })

  it('takes a cut download up where it broke', async () => {
    const a = client()
    await made(a, `${registry.host}/cut/app:1`)
    await a.images.push({ reference: `${registry.host}/cut/app:1` }, () => {})
    const cutter = await startCutter(registry.port, 1_000_000, 2)
    try {
      const b = client()
      const image = await b.images.pull({ reference: `${cutter.host}/cut/app:1` }, b.emit)
      const big = image.layers[2]!
      const gets = cutter.asked.filter(a => a.method === 'GET' && a.url.includes(big.digest))
      assert.equal(gets.length, 3)
      assert.deepEqual(
        gets.map(get => get.range !== undefined),
        [false, true, true],
      )
      const sent = gets.reduce((sum, get) => sum + get.sent, 0)
      assert.ok(sent < big.blobSize + 300_000, `${sent} bytes were sent for ${big.blobSize}`)
      assert.ok(b.lines.some(line => line.status?.startsWith('Retrying in')))
    } finally {
      await cutter.stop()
    }
  })

  it('leaves a resumable part when the caller goes away', async () => {
    const a = client()
    await made(a, `${registry.host}/gone/app:1`)
    await a.images.push({ reference: `${registry.host}/gone/app:1` }, () => {})
    const cutter = await startCutter(registry.port, 1_000_000, 1)
    try {
      const reference = `${cutter.host}/gone/app:1`
      const controller = new AbortController()
      // The cut makes it wait; the caller goes then.
      const b = client({ clock: systemClock() })
      const pull = b.images.pull({ reference, signal: controller.signal }, line => {
        if (line.status?.startsWith('Retrying in')) controller.abort(new Error('client gone'))
      })
      await assert.rejects(pull, /client gone/)
      assert.equal(b.images.resolve.length, 2)
      await assert.rejects(async () => b.images.resolve(reference), /No such image/)
      while (b.content.partials.size === 0) await new Promise(resolve => setTimeout(resolve, 5))
      const image = await b.images.pull({ reference }, () => {})
      const gets = cutter.asked.filter(a => a.method === 'GET' && a.url.includes(image.layers[2]!.digest))
      assert.match(gets.at(-1)!.range ?? '', /^bytes=[1-9]\d*-$/)
    } finally {
      await cutter.stop()
    }
  })

  it('fetches once for two who ask at once', async () => {
    const a = client()
    await made(a, `${registry.host}/twice/app:1`)
    await a.images.push({ reference: `${registry.host}/twice/app:1` }, () => {})
    const watch = await startCutter(registry.port, 0, 0)
    try {
      const b = client()
      const reference = `${watch.host}/twice/app:1`
      const lines: Progress[] = []
      const both = await Promise.all([
        b.images.pull({ reference }, b.emit),
        b.images.pull({ reference }, line => lines.push(line)),
      ])
      assert.equal(both[0].id, both[1].id)
      assert.equal(watch.asked.filter(get => get.url.includes('/blobs/')).length, 4)
      assert.ok(lines.some(line => line.status?.startsWith('Status: Downloaded newer image')))
    } finally {
      await watch.stop()
    }
  })

  it('asks a mirror first for Docker Hub images and passes a dead one by', async () => {
    const a = client()
    await made(a, `${registry.host}/library/hubbed:1`)
    await a.images.push({ reference: `${registry.host}/library/hubbed:1` }, () => {})
    const mirrors = [`http://127.0.0.1:${await freePort()}`, `http://${registry.host}`]
    const b = client({ registries: { mirrors } })
    const image = await b.images.pull({ reference: 'hubbed:1' }, b.emit)
    assert.deepEqual(image.tags, ['docker.io/library/hubbed:1'])
    assert.equal(b.statuses()[0], '1: Pulling from library/hubbed')
    assert.equal(b.statuses().at(-1), 'Status: Downloaded newer image for hubbed:1')
  })

  it("says in Docker's words what is missing", async () => {
    const a = client()
    const reference = `${registry.host}/nothing/here:1`
    await assert.rejects(
      a.images.pull({ reference }, () => {}),
      {
        kind: 'not-found',
        message: new RegExp(`^manifest for ${reference} not found: manifest unknown: manifest unknown$`),
      },
    )
    await assert.rejects(
      a.images.push({ reference }, () => {}),
      {
        message: `An image does not exist locally with the tag: ${registry.host}/nothing/here`,
      },
    )
  })

  it('pulls all tags', async () => {
    const a = client()
    const repository = `${registry.host}/many/app`
    await made(a, `${repository}:1`)
    a.images.tag(`${repository}:1`, `${repository}:2`)
    await a.images.push({ reference: repository, allTags: true }, () => {})
    const b = client()
    const image = await b.images.pull({ reference: repository, allTags: true }, () => {})
    assert.deepEqual(b.images.resolve(image.id).tags.sort(), [`${repository}:1`, `${repository}:2`])
  })
})

describe('a registry that wants a password', () => {
  let registry: Awaited<ReturnType<typeof startRegistry>>
  before(async () => {
    registry = await startRegistry({ basicAuth: true })
  })
  after(() => registry.stop())

  it('takes the right one and no other', async () => {
    const a = client()
    const reference = `${registry.host}/private/app:1`
    await made(a, reference)
    await assert.rejects(
      a.images.push({ reference }, () => {}),
      /no basic auth credentials/,
    )
    const wrong = { username: 'anna', password: 'falsch' }
    await assert.rejects(
      a.images.push({ reference, auth: wrong }, () => {}),
      /unauthorized: authentication required/,
    )
    await a.images.push({ reference, auth: CREDENTIALS }, () => {})
    const b = client()
    await assert.rejects(
      b.images.pull({ reference }, () => {}),
      /no basic auth credentials/,
    )
    await b.images.pull({ reference, auth: CREDENTIALS }, () => {})
    const endpoint = { host: registry.host, insecure: true }
    await b.registry.ping(endpoint, CREDENTIALS)
    await assert.rejects(b.registry.ping(endpoint, wrong), { kind: 'unauthenticated' })
  })
})
