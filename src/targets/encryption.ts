import { randomBytes } from 'node:crypto'
import { Transform, type TransformCallback } from 'node:stream'
import type { Decrypter } from 'age-encryption'
import { BerthError, invalid, messageOf } from '#lib/errors.ts'
import type { DecryptionKeys, EncryptionKeys } from '#ports/targets.ts'
import { cutShort, NONCE, Opening, Sealing } from './age-payload.ts'
import { passphraseIdentity, passphraseRecipient } from './passphrase.ts'

const MAGIC = 'age-encryption.org/v1\n'
/** Bytes; a recipient takes about 100, a post-quantum one 1,600. */
const MAX_HEADER = 256 * 1024

/** Whether a file that begins so is encrypted. */
export function isEncrypted(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, MAGIC.length)).toString('latin1') === MAGIC
}

/** See `Targets.encrypting`. Keys and header are the library's work, the payload Node's own ChaCha20: 20 times as fast. */
export async function encrypting(keys: EncryptionKeys): Promise<Transform> {
  const { Encrypter, Stanza } = await import('age-encryption')
  const encrypter = new Encrypter()
  let fileKey: Uint8Array | undefined
  if ('passphrase' in keys) {
    if (keys.passphrase === '') throw invalid('the passphrase is empty')
    encrypter.addRecipient(passphraseRecipient(keys.passphrase, Stanza))
  } else {
    if (keys.recipients.length === 0) throw invalid('no recipient to encrypt for')
    for (const recipient of keys.recipients) {
      try {
        encrypter.addRecipient(recipient)
      } catch {
        throw invalid(`invalid recipient ${JSON.stringify(recipient)}: it must be an age key, age1…`)
      }
    }
  }
  // One who is told the file's key, and leaves no trace in the header.
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = Uint8Array.from(key)
      return []
    },
  })
  const nothing = await encrypter.encrypt(new Uint8Array())
  // Nothing, encrypted, is the header, a nonce, and the tag of an empty chunk.
  return new Sealing(nothing.subarray(0, nothing.length - NONCE - 16), fileKey!, randomBytes(NONCE))
}

/** See `Targets.decrypting`. */
export async function decrypting(keys: DecryptionKeys): Promise<Transform> {
  const { Decrypter: Library } = await import('age-encryption')
  const decrypter = new Library()
  for (const identity of keys.identities ?? []) {
    try {
      decrypter.addIdentity(identity)
    } catch {
      // Not shown: it is a secret, or nearly one.
      throw invalid('invalid identity: it must be an age key, AGE-SECRET-KEY-1…')
    }
  }
  if (keys.passphrase !== undefined) decrypter.addIdentity(passphraseIdentity(keys.passphrase))
  return new Unsealing(decrypter, keys)
}

/** Waits for the whole header, then opens chunk by chunk. */
class Unsealing extends Transform {
  readonly #decrypter: Decrypter
  readonly #keys: DecryptionKeys
  #head = Buffer.alloc(0)
  #opening: Opening | undefined

  constructor(decrypter: Decrypter, keys: DecryptionKeys) {
    super({ readableHighWaterMark: 256 * 1024, writableHighWaterMark: 256 * 1024 })
    this.#decrypter = decrypter
    this.#keys = keys
  }

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    void this.#take(bytes).then(
      () => done(),
      (error: unknown) => done(error as Error),
    )
  }

  override _flush(done: TransformCallback): void {
    try {
      const begun = MAGIC.startsWith(this.#head.subarray(0, MAGIC.length).toString('latin1'))
      if (!this.#opening) throw begun ? cutShort() : notEncrypted()
      this.#opening.end()
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  async #take(bytes: Buffer): Promise<void> {
    if (this.#opening) return this.#opening.take(bytes)
    this.#head = Buffer.concat([this.#head, bytes])
    const head = this.#head
    if (head.length >= MAGIC.length && !isEncrypted(head)) throw notEncrypted()
    const mac = head.indexOf('\n--- ')
    const end = mac < 0 ? -1 : head.indexOf('\n', mac + 1) + 1
    if (end <= 0 || head.length < end + NONCE) {
      if (head.length > MAX_HEADER) throw invalid('the header of the encrypted backup is damaged')
      return
    }
    const fileKey = await this.#fileKey(head.subarray(0, end))
    this.#head = Buffer.alloc(0)
    const nonce = head.subarray(end, end + NONCE)
    this.#opening = new Opening(fileKey, nonce, plain => this.push(plain))
    this.#opening.take(head.subarray(end + NONCE))
  }

  async #fileKey(header: Buffer): Promise<Uint8Array> {
    try {
      return await this.#decrypter.decryptHeader(header)
    } catch (cause) {
      if (cause instanceof BerthError) throw cause
      if (!messageOf(cause).includes('no identity matched')) {
        throw invalid('the header of the encrypted backup is damaged', { cause })
      }
      const byPassphrase = header.includes('\n-> scrypt ')
      if (byPassphrase) throw invalid('this backup is encrypted with a passphrase: give it')
      throw this.#keys.identities?.length
        ? invalid('none of the given keys opens this backup: it is encrypted for others')
        : invalid('this backup is encrypted for an age key: give the identity that belongs to it')
    }
  }
}

const notEncrypted = () => invalid('this is not encrypted with age: leave out the key or passphrase')

/** A new key pair of age: who has the recipient can encrypt, only who has the identity can read. */
export async function generateKey(): Promise<{ identity: string; recipient: string }> {
  const { generateX25519Identity, identityToRecipient } = await import('age-encryption')
  const identity = await generateX25519Identity()
  return { identity, recipient: await identityToRecipient(identity) }
}

/** Keys of a file as `age-keygen` writes it, or a list of recipients: a line each, `#` begins a comment. */
export function keysOf(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
}
