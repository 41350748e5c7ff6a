import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeAttributes, encodeAttributes, text, textOf, u16, u32, u32Of } from './attributes.ts'
import { decodeAck, decodeMessages, encodeMessages } from './message.ts'

test('attributes are padded, nested ones flagged, and come back by type', () => {
  const bytes = encodeAttributes([
    [3, text('eth0')],
    [5, [[1, u32(0xfffffffe)]]],
    [6, u16(258)],
  ])
  assert.equal(bytes.toString('hex'), '0900030065746830000000000c00058008000100feffffff0600060002010000')
  const found = decodeAttributes(bytes)
  assert.equal(textOf(found.get(3)), 'eth0')
  assert.equal(u32Of(decodeAttributes(found.get(5) ?? Buffer.alloc(0)).get(1)), 0xfffffffe)
})

test('a truncated attribute ends the walk without reading past the end', () => {
  const bytes = encodeAttributes([
    [1, u32(7)],
    [2, u32(8)],
  ])
  assert.deepEqual([...decodeAttributes(bytes.subarray(0, 12)).keys()], [1])
  assert.equal(decodeAttributes(Buffer.from([0, 0, 1, 0])).size, 0)
})

test('a batch carries ascending sequence numbers', () => {
  const request = { type: 16, flags: 4, payload: Buffer.from([1, 2, 3, 4, 5]), about: 'x' }
  const messages = decodeMessages(encodeMessages([request, request], 41))
  assert.deepEqual(
    messages.map(({ type, flags, sequence, payload }) => [type, flags, sequence, payload.length]),
    [
      [16, 5, 41, 5],
      [16, 5, 42, 5],
    ],
  )
})

test('extended acknowledgement: errno and text after the quoted request, whole or capped', () => {
  const quoted = Buffer.alloc(20)
  quoted.writeUInt32LE(20, 0)
  const errno = Buffer.alloc(4)
  errno.writeInt32LE(-22, 0)
  const tlvs = encodeAttributes([[1, text('bad thing')]])
  const ack = (flags: number, parts: Buffer[]) =>
    decodeAck({ type: 2, flags, sequence: 1, payload: Buffer.concat(parts) })
  assert.deepEqual(ack(0x200, [errno, quoted, tlvs]), { errno: 22, text: 'bad thing' })
  assert.deepEqual(ack(0x300, [errno, quoted.subarray(0, 16), tlvs]), { errno: 22, text: 'bad thing' })
  assert.deepEqual(ack(0x100, [errno, quoted.subarray(0, 16)]), { errno: 22, text: '' })
  assert.deepEqual(ack(0, [Buffer.alloc(4), quoted]), { errno: 0, text: '' })
})
