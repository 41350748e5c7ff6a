import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeSmb, negotiate, sessionSetup, treeConnect } from './smb.ts'

test('messages of SMB 2 are framed, and their parts are where they say', () => {
  for (const message of [negotiate(), sessionSetup(1, 0n, 'greet'), sessionSetup(2, 9n, 'nobody')])
    assert.equal(message.readUInt32BE(0), message.length - 4)
  const tree = treeConnect(3, 9n, String.raw`\\nas\data`).subarray(4)
  assert.equal(tree.readBigUInt64LE(24), 3n)
  const [offset, length] = [tree.readUInt16LE(64 + 4), tree.readUInt16LE(64 + 6)]
  assert.equal(tree.toString('utf16le', offset, offset + length), String.raw`\\nas\data`)
  const login = sessionSetup(2, 9n, 'nobody').subarray(4)
  const token = login.subarray(login.readUInt16LE(64 + 12))
  assert.equal(token.length, login.readUInt16LE(64 + 14))
  assert.equal(token.toString('latin1', 0, 8), 'NTLMSSP\0')
  assert.equal(token.readUInt32LE(60) & 0x800, 0x800)
})

test('what is no message of SMB 2 is refused', () => {
  const { status, session } = decodeSmb(treeConnect(3, 9n, 'x').subarray(4))
  assert.deepEqual([status, session], [0, 9n])
  for (const wrong of [Buffer.alloc(0), Buffer.from('HTTP/1.1 400 Bad Request'), Buffer.alloc(100)])
    assert.throws(() => decodeSmb(wrong), /speaks no SMB 2 or 3/)
})
