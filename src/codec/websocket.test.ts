import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPCODE, websocketFrame, WebsocketParser } from './websocket.ts'

/** As a client sends it. */
function masked(opcode: number, payload: Buffer): Buffer {
  const plain = websocketFrame(opcode, payload)
  const head = plain.length - payload.length
  const key = Buffer.from([1, 2, 3, 4])
  const body = Buffer.from(payload.map((byte, i) => byte ^ key[i % 4]!))
  const start = Buffer.from(plain.subarray(0, head))
  start[1]! |= 0x80
  return Buffer.concat([start, key, body])
}

test('frames of every length survive every cut', () => {
  for (const size of [0, 1, 125, 126, 65_535, 65_536]) {
    const payload = Buffer.alloc(size, 'abc')
    const bytes = Buffer.concat([masked(OPCODE.ping, Buffer.from('p')), masked(OPCODE.binary, payload)])
    for (const cut of [0, 1, 2, 3, 7, 8, 9, 12, 20, bytes.length - 1]) {
      const parser = new WebsocketParser()
      const data: Buffer[] = []
      const control: string[] = []
      const take = (opcode: number, piece: Buffer) =>
        void (opcode === OPCODE.binary ? data.push(piece) : control.push(`${opcode} ${piece.toString()}`))
      parser.push(bytes.subarray(0, cut), take)
      parser.push(bytes.subarray(cut), take)
      assert.deepEqual(Buffer.concat(data), payload, `${size} bytes cut at ${cut}`)
      assert.deepEqual(control, ['9 p'])
    }
  }
})

test('an unmasked frame is refused', () => {
  assert.throws(() => new WebsocketParser().push(websocketFrame(1, Buffer.from('xxxxxx')), () => {}), /without a mask/)
})
