import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chainIds, parseConfig, sha256, writeConfig } from './config.ts'
import { MEDIA, compressionOf, isRunnable, parseManifest, writeManifest } from './manifest.ts'

const digest = (letter: string) => `sha256:${letter.repeat(64)}`
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))

describe('manifests', () => {
  it('reads what it writes, and Docker lists', () => {
    const config = { mediaType: MEDIA.ociConfig, digest: digest('a'), size: 3 }
    const layers = [{ mediaType: MEDIA.ociLayer, digest: digest('b'), size: 4 }]
    const manifest = parseManifest(writeManifest(config, layers))
    assert.deepEqual(manifest, { kind: 'manifest', mediaType: MEDIA.ociManifest, config, layers })
    const platform = { os: 'linux', architecture: 'arm', variant: 'v7' }
    const entry = { mediaType: MEDIA.dockerManifest, digest: digest('c'), size: 5, platform }
    const attested = { ...entry, platform: { os: 'unknown', architecture: 'unknown' } }
    const list = parseManifest(bytes({ schemaVersion: 2, mediaType: MEDIA.dockerList, manifests: [entry, attested] }))
    assert.ok(list.kind === 'index')
    assert.deepEqual(list.manifests.filter(isRunnable), [entry])
  })

  it('refuses schema 1 clearly, and nonsense', () => {
    assert.throws(() => parseManifest(bytes({ schemaVersion: 1, fsLayers: [] })), /schema version 1/)
    assert.throws(() => parseManifest(bytes({}), MEDIA.schema1Signed), /no longer supported/)
    for (const wrong of [[], 'x', { config: {} }, { config: { digest: '../x', size: 1 }, layers: [] }]) {
      assert.throws(() => parseManifest(bytes(wrong)), { kind: 'invalid' })
    }
    const layer = { digest: digest('a'), size: -1 }
    assert.throws(() => parseManifest(bytes({ config: { ...layer, size: 1 }, layers: [layer] })), /bad size/)
    assert.throws(() => parseManifest(Buffer.from('{')), /is not JSON/)
  })

  it('tells compressions by their first bytes', () => {
    assert.equal(compressionOf(Buffer.from([0x1f, 0x8b, 8])), 'gzip')
    assert.equal(compressionOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])), 'zstd')
    assert.equal(compressionOf(Buffer.from('BZh9')), 'bzip2')
    assert.equal(compressionOf(Buffer.alloc(0)), 'none')
  })
})

describe('image configurations', () => {
  it('keeps what it knows and comes out the same', () => {
    const written = writeConfig({
      created: '2026-01-01T00:00:00Z',
      author: 'me',
      comment: '',
      os: 'linux',
      architecture: 'amd64',
      config: { Env: ['A=b'], Cmd: ['sh'], Labels: {}, ExposedPorts: { '80/tcp': {} } },
      diffIds: [digest('a')],
      history: [{ created_by: 'x', empty_layer: true }],
    })
    const read = parseConfig(written)
    assert.deepEqual(read.config, { Env: ['A=b'], Cmd: ['sh'], ExposedPorts: { '80/tcp': {} } })
    assert.deepEqual(read.history, [{ created_by: 'x', empty_layer: true }])
    assert.deepEqual(writeConfig(read), written)
  })

  it('takes nulls for absent and refuses wrong types', () => {
    const read = parseConfig(bytes({ config: { Cmd: null, Env: null, Unknown: 1, Volumes: { '/a': { x: 1 } } } }))
    assert.deepEqual(read.config, { Volumes: { '/a': {} } })
    assert.throws(() => parseConfig(bytes({ config: { Env: 'A=b' } })), /bad value for Env/)
    assert.throws(() => parseConfig(bytes({ rootfs: { diff_ids: ['x'] } })), /bad diff id/)
    assert.throws(() => parseConfig(bytes([])), { kind: 'invalid' })
  })

  it('names layer stacks as the specification does', () => {
    const [a, b] = [digest('a'), digest('b')]
    assert.deepEqual(chainIds([a, b]), [a, sha256(`${a} ${b}`)])
  })
})
