import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { Transform, type TransformCallback } from 'node:stream'
import { invalid } from '#lib/errors.ts'

/** Bytes of plain text in each chunk but the last (age-encryption.org/v1, "Payload"). */
const CHUNK = 64 * 1024
const TAG = 16
const CIPHER = 'chacha20-poly1305'

export const NONCE = 16

/** Collects what comes in into chunks of one length, and holds the newest back: only the end tells which is the last. */
class Chunks {
  readonly #length: number
  readonly #chunk: Buffer
  #used = 0
  #first = true

  constructor(length: number) {
    this.#length = length
    this.#chunk = Buffer.allocUnsafe(length)
  }

  take(bytes: Buffer, whole: (chunk: Buffer) => void): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#used === this.#length) {
        whole(this.#chunk)
        this.#used = 0
        this.#first = false
      }
      // What is whole where it lies, with more behind it, need not be copied.
      if (this.#used === 0 && bytes.length - at > this.#length) {
        whole(bytes.subarray(at, at + this.#length))
        this.#first = false
        at += this.#length
        continue
      }
      const copied = bytes.copy(this.#chunk, this.#used, at, at + this.#length - this.#used)
      this.#used += copied
      at += copied
    }
  }

  last(): { chunk: Buffer; only: boolean } {
    return { chunk: this.#chunk.subarray(0, this.#used), only: this.#first }
  }
}

/** Eleven bytes of counter, one that is 1 for the last chunk. */
class Nonces {
  readonly #nonce = Buffer.alloc(12)
  #count = 0

  next(last: boolean): Buffer {
    this.#nonce.writeUIntBE(this.#count++, 5, 6)
    this.#nonce[11] = last ? 1 : 0
    return this.#nonce
  }
}

function streamKey(fileKey: Uint8Array, nonce: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
}

/** Encrypts what follows an age header, which is sent first. */
export class Sealing extends Transform {
  readonly #key: Buffer
  readonly #nonces = new Nonces()
  readonly #chunks = new Chunks(CHUNK)

  constructor(header: Uint8Array, fileKey: Uint8Array, nonce: Uint8Array) {
    super({ readableHighWaterMark: 4 * CHUNK, writableHighWaterMark: 4 * CHUNK })
    this.#key = streamKey(fileKey, nonce)
    this.push(Buffer.concat([header, nonce]))
  }

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    this.#chunks.take(bytes, chunk => this.#seal(chunk, false))
    done()
  }

  override _flush(done: TransformCallback): void {
    this.#seal(this.#chunks.last().chunk, true)
    done()
  }

  #seal(chunk: Buffer, last: boolean): void {
    const cipher = createCipheriv(CIPHER, this.#key, this.#nonces.next(last), { authTagLength: TAG })
    this.push(cipher.update(chunk))
    cipher.final()
    this.push(cipher.getAuthTag())
  }
}

/** Decrypts what follows an age header and its nonce. */
export class Opening {
  readonly #key: Buffer
  readonly #nonces = new Nonces()
  readonly #chunks = new Chunks(CHUNK + TAG)
  readonly #push: (plain: Buffer) => void

  constructor(fileKey: Uint8Array, nonce: Uint8Array, push: (plain: Buffer) => void) {
    this.#key = streamKey(fileKey, nonce)
    this.#push = push
  }

  /** @throws invalid when a byte is not as it was written */
  take(bytes: Buffer): void {
    this.#chunks.take(bytes, chunk => this.#push(this.#open(chunk, false)))
  }

  /** @throws invalid when this is not the end that was written */
  end(): void {
    const { chunk, only } = this.#chunks.last()
    if (chunk.length < TAG) throw cutShort()
    const plain = this.#open(chunk, true)
    if (plain.length === 0 && !only) throw damaged()
    this.#push(plain)
  }

  #open(chunk: Buffer, last: boolean): Buffer {
    const decipher = createDecipheriv(CIPHER, this.#key, this.#nonces.next(last), { authTagLength: TAG })
    decipher.setAuthTag(chunk.subarray(chunk.length - TAG))
    const plain = decipher.update(chunk.subarray(0, chunk.length - TAG))
    try {
      decipher.final()
    } catch {
      throw last ? cutShort() : damaged()
    }
    return plain
  }
}

export const damaged = () => invalid('the encrypted backup is damaged: a byte of it is not as it was written')
export const cutShort = () => invalid('the encrypted backup is damaged, or its end is missing')
