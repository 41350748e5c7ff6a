import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import { isKind } from '#lib/errors.ts'
import type { BackupTarget } from '#ports/targets.ts'

/** Content that comes in pieces. */
export function pieces(bytes: Buffer, piece = 100_000): Readable {
  const all: Buffer[] = []
  for (let at = 0; at < bytes.length; at += piece) all.push(bytes.subarray(at, at + piece))
  return Readable.from(all, { objectMode: false })
}

/**
 * What every place for backups owes its callers.
 *
 * @param make gives an empty one
 */
export function targetsSuite(
  name: string,
  make: () => Promise<{ target: BackupTarget; dispose?: () => Promise<void> }>,
  skip: string | false = false,
): void {
  describe(`target: ${name}`, { skip }, () => {
    const made: { target: BackupTarget; dispose?: () => Promise<void> }[] = []
    const anew = async () => {
      const one = await make()
      made.push(one)
      return one.target
    }
    after(async () => {
      for (const { target, dispose } of made) {
        await target.close()
        await dispose?.()
      }
    })
    const read = async (target: BackupTarget, object: string, offset?: number) =>
      buffer(await target.open(object, offset))

    it('gives back what was put, whole and from any byte on', async () => {
      const target = await anew()
      assert.match(target.url, /\/$/)
      const content = randomBytes(1_000_003)
      const progress: number[] = []
      const put = await target.put('a.tar.zst', pieces(content), { onProgress: bytes => progress.push(bytes) })
      assert.equal(put.bytes, content.length)
      assert.equal(progress.at(-1), content.length)
      assert.deepEqual(
        progress,
        progress.toSorted((a, b) => a - b),
      )
      assert.deepEqual(await read(target, 'a.tar.zst'), content)
      for (const offset of [1, 65_536, 1_000_002]) {
        assert.deepEqual(await read(target, 'a.tar.zst', offset), content.subarray(offset))
      }
      assert.equal((await read(target, 'a.tar.zst', content.length)).length, 0)
    })

    it('keeps empty content, and replaces', async () => {
      const target = await anew()
      assert.deepEqual(await target.put('empty', pieces(Buffer.alloc(0))), { bytes: 0 })
      assert.equal((await target.stat('empty'))!.size, 0)
      assert.equal((await read(target, 'empty')).length, 0)
      await target.put('empty', pieces(Buffer.from('no more')))
      assert.equal((await read(target, 'empty')).toString(), 'no more')
    })

    it('lists by name, with sizes and times, below a prefix', async () => {
      const target = await anew()
      assert.deepEqual(await target.list(), [])
      for (const object of ['b-2', 'b-1', 'a', 'sub/b-3']) await target.put(object, pieces(Buffer.from(object)))
      const all = await target.list()
      assert.deepEqual(
        all.map(one => [one.name, one.size]),
        [
          ['a', 1],
          ['b-1', 3],
          ['b-2', 3],
          ['sub/b-3', 7],
        ],
      )
      for (const { modified } of all) assert.ok(Math.abs(modified - Date.now()) < 300_000, String(modified))
      const names = async (prefix: string) => (await target.list(prefix)).map(one => one.name)
      assert.deepEqual(await names('b-'), ['b-1', 'b-2'])
      assert.deepEqual(await names('sub/b'), ['sub/b-3'])
      assert.deepEqual(await names('none'), [])
      assert.deepEqual(await target.stat('b-1'), all[1])
    })

    it('takes any name that stays below it, and no other', async () => {
      const target = await anew()
      const odd = ['it’s "quoted" $HOME `x`', "it's; rm -rf *", '-rf', 'two  spaces\tand\ttabs', '100%?#&+=']
      for (const object of odd) {
        await target.put(object, pieces(Buffer.from(object)))
        assert.equal((await read(target, object)).toString(), object)
        assert.equal((await target.stat(object))?.name, object)
      }
      assert.deepEqual((await target.list()).map(one => one.name).sort(), odd.toSorted())
      for (const object of odd) await target.remove(object)
      assert.deepEqual(await target.list(), [])
      for (const object of ['', '..', '../a', 'a/../b', '/a', 'a//b', 'a/', 'nul\0', '.x.part-0123456789abcdef']) {
        await assert.rejects(target.put(object, pieces(Buffer.from('x'))), error => isKind(error, 'invalid'))
        await assert.rejects(
          async () => target.open(object),
          error => isKind(error, 'invalid'),
        )
      }
    })

    it('says what is not there; removing that is success', async () => {
      const target = await anew()
      assert.equal(await target.stat('absent'), undefined)
      await assert.rejects(
        async () => target.open('absent'),
        (error: Error) => {
          assert.ok(isKind(error, 'not-found'), String(error))
          assert.match(error.message, /absent/)
          return true
        },
      )
      await target.remove('absent')
      await target.put('short', pieces(Buffer.from('12345')))
      await assert.rejects(
        async () => target.open('short', 6),
        error => isKind(error, 'invalid'),
      )
      await target.remove('short')
      await target.remove('short')
      assert.equal(await target.stat('short'), undefined)
    })

    it('content that fails leaves what was there, and its error is told', async () => {
      const target = await anew()
      await target.put('kept', pieces(Buffer.from('old')))
      const failing = (bytes: number) =>
        Readable.from(
          (async function* () {
            yield randomBytes(bytes)
            throw new Error('the disk is on fire')
          })(),
          { objectMode: false },
        )
      for (const object of ['kept', 'new']) {
        await assert.rejects(target.put(object, failing(300_000)), /the disk is on fire/)
      }
      assert.deepEqual(
        (await target.list()).map(one => one.name),
        ['kept'],
      )
      assert.equal((await read(target, 'kept')).toString(), 'old')
    })

    it('ends at once when it is told to', async () => {
      const target = await anew()
      const abort = new AbortController()
      const endless = Readable.from(
        (async function* () {
          for (let count = 0; ; count++) {
            yield randomBytes(64 * 1024)
            if (count === 40) abort.abort(new Error('enough'))
            await new Promise(resolve => setImmediate(resolve))
          }
        })(),
        { objectMode: false },
      )
      await assert.rejects(target.put('never', endless, { signal: abort.signal }), /enough/)
      assert.equal(endless.destroyed, true)
      assert.deepEqual(await target.list(), [])
    })

    it('an attempt that failed is taken up again with its token', async () => {
      const target = await anew()
      const content = randomBytes(20_000_000)
      let token: string | undefined
      const onToken = (given: string) => (token = given)
      const half = async function* () {
        for await (const piece of pieces(content.subarray(0, 18_000_000))) yield piece as Buffer
        throw new Error('cut')
      }
      await assert.rejects(target.put('big', Readable.from(half(), { objectMode: false }), { onToken }), /cut/)
      assert.equal(await target.stat('big'), undefined)
      const options = token === undefined ? {} : { resume: token, onToken }
      assert.deepEqual(await target.put('big', pieces(content), options), { bytes: content.length })
      assert.deepEqual(await read(target, 'big'), content)
      // Other content than the token's: it counts, not what lies there.
      const other = Buffer.from(content)
      other[10_000_000]! ^= 1
      await assert.rejects(target.put('big', Readable.from(half(), { objectMode: false }), { onToken }), /cut/)
      await target.put('big', pieces(other), token === undefined ? {} : { resume: token, onToken })
      assert.deepEqual(await read(target, 'big'), other)
    })

    it('two at once under one name: one of them wins as a whole', async () => {
      const target = await anew()
      const both = [randomBytes(700_000), randomBytes(900_000)]
      await Promise.all(both.map(content => target.put('same', pieces(content))))
      const left = await read(target, 'same')
      assert.ok(both.some(content => content.equals(left)))
      assert.equal((await target.list()).length, 1)
    })

    it('a reader may go away half way', async () => {
      const target = await anew()
      await target.put('long', pieces(randomBytes(5_000_000)))
      const stream = await target.open('long')
      for await (const piece of stream) {
        assert.ok((piece as Buffer).length > 0)
        break
      }
      assert.equal(stream.destroyed, true)
    })
  })
}
