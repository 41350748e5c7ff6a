import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeExports, decodeLookup, decodeReply, encodeCall, exportsCall, lookupCall, nullCall } from './index.ts'
import { XdrReader, XdrWriter } from './xdr.ts'

const accepted = (id: number, state: number) => new XdrWriter().uint(id, 1, 0, 0, 0, state)

describe('ONC RPC', () => {
  it('lays calls out as RFC 5531 has them', () => {
    const bytes = encodeCall(nullCall(7, 4))
    assert.equal(bytes.readUInt32BE(0), (0x8000_0000 | (bytes.length - 4)) >>> 0)
    const words = Array.from({ length: 6 }, (_, i) => bytes.readUInt32BE(4 + 4 * i))
    assert.deepEqual(words, [7, 0, 2, 100_003, 4, 0])
    assert.equal(bytes.length % 4, 0)
    assert.equal(encodeCall(exportsCall(1)).readUInt32BE(4 + 12), 100_005)
  })

  it('understands every kind of reply', () => {
    assert.equal(decodeReply(accepted(7, 0).bytes(), 7).kind, 'done')
    assert.deepEqual(decodeReply(accepted(7, 2).uint(3, 3).bytes(), 7), { kind: 'version', low: 3, high: 3 })
    assert.deepEqual(decodeReply(accepted(7, 1).bytes(), 7), { kind: 'refused', reason: 'program unavailable' })
    assert.deepEqual(decodeReply(new XdrWriter().uint(7, 1, 1, 1, 5).bytes(), 7).kind, 'refused')
    for (const wrong of [accepted(8, 0).bytes(), Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'), Buffer.alloc(0)])
      assert.throws(() => decodeReply(wrong, 7), /speaks no ONC RPC|ends too early/)
  })

  it('looks up paths by NFS 4.0, and reads how far they went', () => {
    const call = lookupCall(1, ['srv', 'b'], true).arguments!
    const reader = new XdrReader(call)
    assert.deepEqual([reader.string(), reader.uint(), reader.uint(), reader.uint()], ['', 0, 4, 24])
    assert.deepEqual([reader.uint(), reader.string(), reader.uint(), reader.string()], [15, 'srv', 15, 'b'])
    assert.equal(reader.uint(), 26)
    const found = new XdrWriter().uint(2).string('').uint(3, 24, 0, 15, 0, 15, 2).bytes()
    assert.deepEqual(decodeLookup(new XdrReader(found)), { found: 1, errno: 'ENOENT', names: [] })
    const listed = new XdrWriter().uint(0).string('').uint(2, 24, 0, 26, 0).fixed(Buffer.alloc(8))
    for (const name of ['a', 'srv']) listed.uint(1, 0, 9).string(name).uint(0, 0)
    listed.uint(0, 1)
    assert.deepEqual(decodeLookup(new XdrReader(listed.bytes())), { found: 0, errno: '', names: ['a', 'srv'] })
    const whole = listed.bytes()
    for (let length = 0; length < whole.length - 4; length++)
      assert.throws(() => decodeLookup(new XdrReader(whole.subarray(0, length))), /ends too early/, String(length))
  })

  it('reads lists of exports', () => {
    const list = new XdrWriter().uint(1).string('/a').uint(1).string('10.0.0.0/8').uint(0)
    list.uint(1).string('/b').uint(0, 0)
    assert.deepEqual(decodeExports(new XdrReader(list.bytes())), ['/a', '/b'])
  })
})
