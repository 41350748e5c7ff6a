import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { encodeEnd, encodeEntry, encodePadding } from '#codec/tar/index.ts'
import { isKind } from '#lib/errors.ts'
import type { Snapshots } from '#ports/content.ts'

/** A layer with one file. */
export function layerOf(name: string, content: string): Buffer {
  const entry = encodeEntry({
    name,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: { seconds: 1700000000, nanos: 0 },
    linkName: '',
    major: 0,
    minor: 0,
    xattrs: undefined,
  })
  return Buffer.concat([entry, Buffer.from(content), encodePadding(content.length), encodeEnd()])
}

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** What every `Snapshots` owes its callers. `make` gives an empty one, `done` cleans up after it. */
export function snapshotsSuite(name: string, make: () => { snapshots: Snapshots; done: () => Promise<void> }): void {
  const withSnapshots = (work: (snapshots: Snapshots) => Promise<void>) => async () => {
    const { snapshots, done } = make()
    try {
      await work(snapshots)
    } finally {
      await done()
    }
  }

  describe(`snapshots: ${name}`, () => {
    const layer = layerOf('file', 'content')
    const from = (bytes: Buffer) => Readable.from([bytes])

    it(
      'unpacks plain, gzip and zstd layers, and tells the digest of the plain one',
      withSnapshots(async snapshots => {
        for (const [i, bytes] of [layer, gzipSync(layer), zstdCompressSync(layer)].entries()) {
          const { diffId, size } = await snapshots.unpack(`k${i}`, undefined, from(bytes))
          assert.equal(diffId, digestOf(layer))
          assert.ok(size > 0)
          assert.equal(await snapshots.usage(`k${i}`), size)
        }
        assert.deepEqual(snapshots.list(), ['k0', 'k1', 'k2'])
      }),
    )

    it(
      'leaves nothing of a layer that is not the announced one, or breaks off',
      withSnapshots(async snapshots => {
        const expected = digestOf(Buffer.from('other'))
        await assert.rejects(snapshots.unpack('k', undefined, from(layer), undefined, expected), (e: unknown) =>
          isKind(e, 'invalid'),
        )
        async function* broken() {
          yield layer.subarray(0, 512)
          throw new Error('connection reset')
        }
        await assert.rejects(snapshots.unpack('k', undefined, Readable.from(broken())), /connection reset/)
        assert.equal(snapshots.exists('k'), false)
        await snapshots.unpack('k', undefined, from(layer), undefined, digestOf(layer))
        assert.equal(snapshots.exists('k'), true)
      }),
    )

    it(
      'mounts and unmounts, each as often as one likes',
      withSnapshots(async snapshots => {
        await snapshots.unpack('base', undefined, from(layer))
        await snapshots.prepare('c', 'base')
        assert.equal(snapshots.isMounted('c'), false)
        const path = await snapshots.mount('c')
        assert.equal(await snapshots.mount('c'), path)
        assert.equal(snapshots.isMounted('c'), true)
        await snapshots.unmount('c')
        await snapshots.unmount('c')
        assert.equal(snapshots.isMounted('c'), false)
        assert.equal(await snapshots.mount('c'), path)
        await snapshots.unmount('never-was')
      }),
    )

    it(
      'keeps parents while they have children, and knows the family',
      withSnapshots(async snapshots => {
        await snapshots.unpack('base', undefined, from(layer))
        await snapshots.unpack('top', 'base', from(layerOf('other', 'x')))
        await snapshots.prepare('c', 'top')
        assert.equal(snapshots.parentOf('top'), 'base')
        assert.equal(snapshots.parentOf('base'), undefined)
        await assert.rejects(snapshots.remove('top'), (e: unknown) => isKind(e, 'conflict'))
        await assert.rejects(snapshots.prepare('c', 'top'), (e: unknown) => isKind(e, 'conflict'))
        await assert.rejects(snapshots.prepare('d', 'c'), (e: unknown) => isKind(e, 'conflict'))
        await assert.rejects(snapshots.prepare('d', 'absent'), (e: unknown) => isKind(e, 'not-found'))
        await assert.rejects(snapshots.mount('absent'), (e: unknown) => isKind(e, 'not-found'))
        for (const key of ['c', 'top', 'base', 'base']) await snapshots.remove(key)
        assert.deepEqual(snapshots.list(), [])
      }),
    )

    it(
      'sweeps what is not referred to, and keeps ancestors of what is',
      withSnapshots(async snapshots => {
        await snapshots.unpack('a', undefined, from(layer))
        await snapshots.unpack('b', 'a', from(layer))
        await snapshots.unpack('lost', 'a', from(layer))
        await snapshots.prepare('lost-container', 'lost')
        await snapshots.prepare('container', 'b')
        await snapshots.sweep()
        assert.equal(snapshots.list().length, 5)
        await snapshots.sweep(new Set(['container', 'never-was']))
        assert.deepEqual(snapshots.list(), ['a', 'b', 'container'])
      }),
    )

    it(
      'gives an empty diff for what nobody touched',
      withSnapshots(async snapshots => {
        await snapshots.unpack('a', undefined, from(layer))
        await snapshots.prepare('c', 'a')
        assert.deepEqual(await snapshots.changes('c'), [])
        assert.ok((await buffer(await snapshots.diff('c'))).every(byte => byte === 0))
      }),
    )
  })
}
