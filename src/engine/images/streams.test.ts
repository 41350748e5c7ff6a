import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { decompressed, peek, readAll, shielded } from './streams.ts'

test('what was peeked into and is then not read is closed', async () => {
  const source = Readable.from([Buffer.from('abc'), Buffer.alloc(1 << 20)], { objectMode: false })
  const { head, whole } = await peek(source, 2)
  assert.equal(head.toString(), 'ab')
  const closed = once(source, 'close')
  whole.destroy()
  await closed
})

test('what was peeked into reads as if it had not been', async () => {
  for (const parts of [['abc', 'def'], ['a', 'b'], ['abc'], []]) {
    const { whole } = await peek(
      Readable.from(
        parts.map(part => Buffer.from(part)),
        { objectMode: false },
      ),
      3,
    )
    assert.equal((await readAll(whole, 100, 'it')).toString(), parts.join(''))
  }
})

test('a compressed stream that is cut short or broken is the fault of who sent it', async () => {
  const text = Buffer.from(Array.from({ length: 5000 }, (_, i) => `line ${i}`).join('\n'))
  for (const whole of [gzipSync(text), zstdCompressSync(text)]) {
    const good = await decompressed(Readable.from([whole], { objectMode: false }), 'archive')
    assert.deepEqual(await readAll(good, 1 << 20, 'it'), text)
    const cut = await decompressed(Readable.from([whole.subarray(0, 400)], { objectMode: false }), 'archive')
    await assert.rejects(readAll(cut, 1 << 20, 'it'), { kind: 'invalid', message: /^archive is damaged/ })
  }
})

test('a source that fails while nobody reads is heard of by the next reader, and ends nothing else', async () => {
  const source = new PassThrough()
  const shield = shielded(source)
  source.destroy(new Error('gone'))
  await once(shield, 'close').catch(() => {})
  await assert.rejects(readAll(shield, 10, 'it'), /gone|Premature close/)
})
