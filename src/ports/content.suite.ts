import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { isKind } from '#lib/errors.ts'
import type { Content } from '#ports/content.ts'

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const from = (bytes: Buffer) => async (offset: number) => Readable.from([bytes.subarray(offset)])

/** What every `Content` owes its callers. `make` gives an empty one. */
export function contentSuite(name: string, make: () => Content): void {
  describe(`content: ${name}`, () => {
    const blob = Buffer.from('some blob '.repeat(5000))
    const digest = digestOf(blob)

    it('takes a blob in, with and without its digest known', async () => {
      const content = make()
      const progress: number[] = []
      const known = await content.ingest(from(blob), { digest, size: blob.length }, bytes => progress.push(bytes))
      assert.deepEqual(known, { digest, size: blob.length })
      assert.equal(progress.at(-1), blob.length)
      const other = Buffer.from('other')
      assert.deepEqual(await content.ingest(from(other)), { digest: digestOf(other), size: 5 })
      assert.equal(await content.has(digest), true)
      assert.equal(await content.size(digest), blob.length)
      assert.ok((await content.read(digest)).equals(blob))
      assert.ok((await buffer(await content.open(digest, 10))).equals(blob.subarray(10)))
      assert.deepEqual((await content.list()).sort(), [digest, digestOf(other)].sort())
      assert.deepEqual(await content.ingest(from(Buffer.alloc(0))), { digest: digestOf(Buffer.alloc(0)), size: 0 })
    })

    it('does not ask the source for what it has', async () => {
      const content = make()
      await content.ingest(from(blob), { digest })
      const again = await content.ingest(() => assert.fail('asked'), { digest })
      assert.deepEqual(again, { digest, size: blob.length })
    })

    it('refuses what does not match, and keeps nothing of it', async () => {
      const content = make()
      const wrong = Buffer.from('wrong')
      await assert.rejects(content.ingest(from(wrong), { digest }), (e: unknown) => isKind(e, 'invalid'))
      await assert.rejects(content.ingest(from(blob), { digest, size: blob.length - 1 }), (e: unknown) =>
        isKind(e, 'invalid'),
      )
      assert.equal(await content.has(digest), false)
      assert.deepEqual(await content.list(), [])
      await content.ingest(from(blob), { digest, size: blob.length })
      assert.equal(await content.has(digest), true)
    })

    it('goes on where a broken source left off', async () => {
      const content = make()
      async function* broken() {
        yield blob.subarray(0, 20_000)
        throw new Error('connection reset')
      }
      await assert.rejects(
        content.ingest(async () => Readable.from(broken()), { digest }),
        /connection reset/,
      )
      assert.equal(await content.has(digest), false)
      const short = async (offset: number) => Readable.from([blob.subarray(offset, 30_000)])
      await assert.rejects(content.ingest(short, { digest, size: blob.length }), (e: unknown) =>
        isKind(e, 'unavailable'),
      )
      const offsets: number[] = []
      await content.ingest(
        async offset => {
          offsets.push(offset)
          return from(blob)(offset)
        },
        { digest, size: blob.length },
      )
      assert.deepEqual(offsets, [30_000])
      assert.ok((await content.read(digest)).equals(blob))
    })

    it('tells what blobs and cut writes take, and gives cut writes up when it is asked to', async () => {
      const content = make()
      const kept = Buffer.from('kept')
      await content.ingest(from(kept))
      const short = async () => Readable.from([blob.subarray(0, 30_000)])
      await assert.rejects(content.ingest(short, { digest, size: blob.length }))
      const { blobs, partial } = await content.usage()
      assert.deepEqual(Array.from(blobs.keys()), [digestOf(kept)])
      assert.ok(blobs.get(digestOf(kept))! >= kept.length)
      assert.ok(partial >= 30_000)
      await content.sweep()
      assert.equal((await content.usage()).partial, partial)
      assert.equal(await content.sweep(undefined, { partial: true }), partial)
      assert.equal((await content.usage()).partial, 0)
    })

    it('deletes, sweeps by reference, and says what is missing', async () => {
      const content = make()
      await content.ingest(from(blob))
      await content.delete(digest)
      await content.delete(digest)
      for (const call of [content.size(digest), content.read(digest), content.open(digest)])
        await assert.rejects(call, (e: unknown) => isKind(e, 'not-found') && (e as Error).message.includes(digest))
      const [kept, lost] = [Buffer.from('kept'), Buffer.from('lost')]
      await content.ingest(from(kept))
      await content.ingest(from(lost))
      await content.sweep()
      assert.equal((await content.list()).length, 2)
      assert.ok((await content.sweep(new Set([digestOf(kept)]))) > 0)
      assert.deepEqual(await content.list(), [digestOf(kept)])
      await assert.rejects(content.read(digestOf(kept), 2), (e: unknown) => isKind(e, 'invalid'))
    })
  })
}
