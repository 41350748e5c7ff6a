import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { constants, crc32, deflateRaw, zstdCompress } from 'node:zlib'
import { encodeTrailer, gzipMember, wrapIndex } from '#codec/backup/index.ts'
import type { BackupFormat } from '#model/backup.ts'

/** Bytes of tar that are compressed as one. */
const SEGMENT = 2 << 20
/** Bytes that what is written at once may go beyond that. */
export const AT_ONCE = 1 << 20

/**
 * The archive's bytes: tar is gathered in segments, each compressed by itself on Node's pool while the next is filled.
 * Where they are cut depends on nothing but the tar, so the same tree gives the same bytes.
 */
export class Output {
  readonly #format: BackupFormat
  readonly #compress: (bytes: Buffer) => Promise<Buffer>
  readonly #post: (bytes: Buffer) => Promise<void> | undefined
  readonly #hash: Hash = createHash('sha256')
  readonly #queue: { raw: Buffer; stored: Promise<Buffer> }[] = []
  readonly #free: Buffer[] = []
  readonly #most = Math.min(4, availableParallelism()) + 1
  buffer = this.#fresh()
  #fill = 0
  /** Bytes of the archive so far. */
  stored = 0

  /** @param post takes over the bytes; what it returns is awaited */
  constructor(format: BackupFormat, level: number | undefined, post: (bytes: Buffer) => Promise<void> | undefined) {
    this.#format = format
    this.#post = post
    this.#compress = format === 'zstd' ? zstd(level ?? 1) : format === 'gzip' ? gzip(Math.min(level ?? 6, 9)) : copied
  }

  /**
   * Makes room for `length` (at most `AT_ONCE`) bytes at once, in `buffer` from the offset on that it returns; `advance`
   * says how many were filled.
   */
  reserve(length: number): number {
    if (this.#fill + length > this.buffer.length) this.cut()
    return this.#fill
  }

  /** What is left of a segment, at least a block: for content of any length. */
  rest(most: number): Buffer {
    return this.buffer.subarray(this.#fill, Math.min(this.#fill + most, Math.max(SEGMENT, this.#fill + 512)))
  }

  /** @returns what must be awaited before more is written */
  advance(length: number): Promise<void> | undefined {
    this.#fill += length
    if (this.#fill >= SEGMENT) this.cut()
    return this.#queue.length >= this.#most ? this.#settle(this.#most - 1) : undefined
  }

  write(bytes: Buffer): Promise<void> | undefined {
    if (bytes.length > AT_ONCE) return this.#writeLarge(bytes)
    const at = this.reserve(bytes.length)
    bytes.copy(this.buffer, at)
    return this.advance(bytes.length)
  }

  async #writeLarge(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += AT_ONCE) await this.write(bytes.subarray(at, at + AT_ONCE))
  }

  /** Ends the segment here. */
  cut(): void {
    if (this.#fill === 0) return
    const raw = this.buffer
    const stored = this.#compress(raw.subarray(0, this.#fill))
    stored.catch(() => {})
    this.#queue.push({ raw, stored })
    this.buffer = this.#free.pop() ?? this.#fresh()
    this.#fill = 0
  }

  /** Writes index and trailer after what came. @returns digest of the archive (hex) */
  async finish(index: Buffer): Promise<string> {
    this.cut()
    await this.#settle(0)
    const indexOffset = this.stored
    const wrapped = wrapIndex(this.#format, index)
    const indexLength = this.#format === 'tar' ? index.length : wrapped.length
    for (let at = 0; at < wrapped.length; at += SEGMENT) await this.#out(wrapped.subarray(at, at + SEGMENT), true)
    const digest = this.#hash.digest('hex')
    const trailer = encodeTrailer({ format: this.#format, indexOffset, indexLength, digest })
    this.stored += trailer.length
    await this.#post(trailer)
    return digest
  }

  async #settle(most: number): Promise<void> {
    while (this.#queue.length > most) {
      const { raw, stored } = this.#queue.shift()!
      await this.#out(await stored)
      if (this.#format !== 'tar') this.#free.push(raw)
    }
  }

  /** @param shared whether the memory is part of something larger */
  async #out(bytes: Buffer, shared = false): Promise<void> {
    this.#hash.update(bytes)
    this.stored += bytes.length
    await this.#post(shared ? Buffer.from(new Uint8Array(bytes).buffer) : bytes)
  }

  #fresh(): Buffer {
    return Buffer.allocUnsafeSlow(SEGMENT + AT_ONCE)
  }
}

function copied(bytes: Buffer): Promise<Buffer> {
  return Promise.resolve(bytes)
}

function zstd(level: number): (bytes: Buffer) => Promise<Buffer> {
  return bytes =>
    new Promise((resolve, reject) => {
      const options = {
        params: { [constants.ZSTD_c_compressionLevel]: level },
        pledgedSrcSize: bytes.length,
        chunkSize: bytes.length + (bytes.length >> 7) + 1024,
      }
      zstdCompress(bytes, options, (error, stored) => (error ? reject(error) : resolve(stored)))
    })
}

function gzip(level: number): (bytes: Buffer) => Promise<Buffer> {
  return bytes =>
    new Promise((resolve, reject) => {
      const options = { level, chunkSize: bytes.length + (bytes.length >> 7) + 1024 }
      deflateRaw(bytes, options, (error, deflated) => {
        if (error) reject(error)
        else resolve(gzipMember(deflated, crc32(bytes), bytes.length))
      })
    })
}
