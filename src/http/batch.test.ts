import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Batch } from './batch.ts'
import type { Context } from './context.ts'

function recorder() {
  const writes: string[] = []
  let fail = false
  const write = async (bytes: Buffer) => {
    if (fail) throw new Error('gone')
    writes.push(bytes.toString())
  }
  return { writes, context: { write } as unknown as Context, break: () => (fail = true) }
}

test('small pieces go out together, soon and in order', async () => {
  const { writes, context } = recorder()
  const batch = new Batch(context)
  for (const piece of ['a', 'b', 'c']) assert.equal(batch.add(Buffer.from(piece)), undefined)
  assert.deepEqual(writes, [])
  await new Promise(resolve => setImmediate(resolve))
  await batch.flush()
  assert.deepEqual(writes, ['abc'])
})

test('a full batch is to be waited for, and tells when the client has gone', async () => {
  const { writes, context, break: breakOff } = recorder()
  const batch = new Batch(context)
  await batch.add(Buffer.alloc(64 * 1024, 'x'))
  assert.equal(writes[0]?.length, 64 * 1024)
  breakOff()
  batch.add(Buffer.from('lost'))
  await new Promise(resolve => setImmediate(resolve))
  await assert.rejects(async () => batch.add(Buffer.alloc(64 * 1024)), /gone/)
  await assert.rejects(batch.flush(), /gone/)
})
