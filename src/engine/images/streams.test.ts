import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { peek, readAll } from './streams.ts'

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
