import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, type Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { Encrypter } from 'age-encryption'
import type { DecryptionKeys, EncryptionKeys } from '#ports/targets.ts'
import { decrypting, encrypting, generateKey, isEncrypted, keysOf } from './encryption.ts'

const through = async (transform: Transform, bytes: Uint8Array, piece = 10_000) => {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += piece) pieces.push(bytes.subarray(at, at + piece))
  return buffer(Readable.from(pieces).compose(transform) as Readable)
}
const seal = async (keys: EncryptionKeys, bytes: Uint8Array, piece?: number) =>
  through(await encrypting(keys), bytes, piece)
const open = async (keys: DecryptionKeys, bytes: Uint8Array, piece?: number) =>
  through(await decrypting(keys), bytes, piece)

test('comes back as it was, at every length around the chunks and in pieces of any size', async () => {
  const { identity, recipient } = await generateKey()
  for (const length of [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000]) {
    const plain = randomBytes(length)
    for (const piece of [1000, 65_536, 65_552, 1_000_000]) {
      const sealed = await seal({ recipients: [recipient] }, plain, piece)
      assert.ok(isEncrypted(sealed))
      assert.deepEqual(await open({ identities: [identity] }, sealed, piece), plain)
    }
  }
})

test('the library reads what we write, and we what it writes', async () => {
  const { identity, recipient } = await generateKey()
  const { Decrypter } = await import('age-encryption')
  const plain = randomBytes(150_000)
  const theirs = new Decrypter()
  theirs.addIdentity(identity)
  const read = await theirs.decrypt(await seal({ recipients: [recipient] }, plain))
  assert.deepEqual(Buffer.from(read), plain)
  const writer = new Encrypter()
  writer.addRecipient(recipient)
  assert.deepEqual(await open({ identities: [identity] }, await writer.encrypt(plain)), plain)
  const guarded = new Encrypter()
  guarded.setPassphrase('correct horse')
  guarded.setScryptWorkFactor(10)
  assert.deepEqual(await open({ passphrase: 'correct horse' }, await guarded.encrypt(plain)), plain)
})

test('the age tool reads what we write, and we what it writes', { skip: !hasAge() && 'no age(1) here' }, async () => {
  const { identity, recipient } = await generateKey()
  const directory = mkdtempSync(join(tmpdir(), 'berth-age-'))
  try {
    const key = join(directory, 'key')
    writeFileSync(key, `# a comment\n${identity}\n`)
    const plain = randomBytes(300_000)
    const age = (args: string[], input: Buffer) => {
      const { status, stdout, stderr } = spawnSync('age', args, { input, maxBuffer: 1 << 24 })
      assert.equal(status, 0, stderr.toString())
      return stdout
    }
    assert.deepEqual(age(['-d', '-i', key], await seal({ recipients: [recipient] }, plain)), plain)
    assert.deepEqual(await open({ identities: [identity] }, age(['-r', recipient], plain)), plain)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('a passphrase opens it, another one does not, a key does not', async () => {
  const { identity } = await generateKey()
  const sealed = await seal({ passphrase: 'correct horse' }, Buffer.from('content'))
  assert.equal((await open({ passphrase: 'correct horse' }, sealed)).toString(), 'content')
  await assert.rejects(open({ passphrase: 'battery staple' }, sealed), /wrong passphrase/)
  await assert.rejects(open({ identities: [identity] }, sealed), /encrypted with a passphrase/)
})

test('another key, no key, and what is not encrypted are told apart', async () => {
  const [mine, other] = [await generateKey(), await generateKey()]
  const sealed = await seal({ recipients: [mine.recipient] }, Buffer.from('content'))
  await assert.rejects(open({ identities: [other.identity] }, sealed), /none of the given keys/)
  await assert.rejects(open({ passphrase: 'x' }, sealed), /give the identity/)
  assert.equal((await open({ identities: [other.identity, mine.identity] }, sealed)).toString(), 'content')
  await assert.rejects(open({ identities: [mine.identity] }, randomBytes(1000)), /not encrypted with age/)
  await assert.rejects(encrypting({ recipients: ['age1nonsense'] }), /invalid recipient "age1nonsense"/)
  await assert.rejects(decrypting({ identities: ['AGE-SECRET-KEY-1NO'] }), error => {
    assert.doesNotMatch((error as Error).message, /1NO/)
    return true
  })
})

test('any flipped byte and any cut is an error', async () => {
  const { identity, recipient } = await generateKey()
  const plain = randomBytes(140_000)
  const sealed = await seal({ recipients: [recipient] }, plain)
  const at = [...Array.from({ length: 240 }, (_, i) => i), 65_000, 66_000, 131_400, sealed.length - 1]
  for (const index of at) {
    const bad = Buffer.from(sealed)
    bad[index]! ^= 1
    await assert.rejects(open({ identities: [identity] }, bad), `byte ${index}`)
  }
  const chunk = sealed.length - 140_000 - 3 * 16
  for (const length of [0, 10, 100, chunk, chunk + 65_552, chunk + 131_104, sealed.length - 1]) {
    await assert.rejects(
      open({ identities: [identity] }, sealed.subarray(0, length)),
      /end is missing/,
      `cut ${length}`,
    )
  }
  const longer = Buffer.concat([sealed, Buffer.from('x')])
  await assert.rejects(open({ identities: [identity] }, longer))
})

test('key files: comments and empty lines are left out', () => {
  assert.deepEqual(keysOf('# created: now\n\n AGE-SECRET-KEY-1X \nage1y\n'), ['AGE-SECRET-KEY-1X', 'age1y'])
})

function hasAge(): boolean {
  return spawnSync('age', ['--version']).status === 0
}
