import { createHash, hash } from 'node:crypto'
import type { Hash } from 'node:crypto'

const BLOCK = 4096
const ZEROS = Buffer.alloc(BLOCK)

/**
 * Digest of a file's content that is the same whether zeros are stored or are a hole, and costs nothing for holes: the
 * sha256 of the bytes without the aligned 4 KiB blocks of zeros. Where there are such blocks, it is the sha256 of that
 * digest, of where the zeros lie, and of the length; else it is what sha256sum(1) says.
 */
export class ContentDigest {
  #data: Hash | undefined
  #zeros: Hash | undefined
  #position = 0
  /** Where the run of zero blocks that is going on began. */
  #runStart = -1
  /** Bytes of a block that came in parts. */
  #part = Buffer.allocUnsafe(BLOCK)
  #partLength = 0

  update(chunk: Buffer): void {
    let at = 0
    if (this.#partLength > 0) {
      at = chunk.copy(this.#part, this.#partLength, 0, Math.min(chunk.length, BLOCK - this.#partLength))
      this.#partLength += at
      if (this.#partLength < BLOCK) return
      this.#partLength = 0
      this.#blocks(this.#part)
    }
    const whole = chunk.length - ((chunk.length - at) % BLOCK)
    if (whole > at) this.#blocks(chunk.subarray(at, whole))
    if (whole < chunk.length) this.#partLength = chunk.copy(this.#part, 0, whole)
  }

  /** `length` bytes of zeros, which need not be there. */
  zeros(length: number): void {
    let left = length
    while (left > 0) {
      if (this.#partLength > 0 || left < BLOCK) {
        const part = ZEROS.subarray(0, Math.min(left, BLOCK - this.#partLength))
        this.update(part)
        left -= part.length
      } else {
        const whole = left - (left % BLOCK)
        if (this.#runStart < 0) this.#runStart = this.#position
        this.#position += whole
        left -= whole
      }
    }
  }

  /** @returns hex */
  finish(): string {
    const length = this.#position + this.#partLength
    this.#endRun()
    if (this.#partLength > 0) this.#hashed(this.#part.subarray(0, this.#partLength))
    const data = this.#data?.digest('hex') ?? EMPTY
    if (!this.#zeros) return data
    return hash('sha256', `${data} ${this.#zeros.digest('hex')} ${length}`, 'hex')
  }

  /** @param blocks whole ones */
  #blocks(blocks: Buffer): void {
    let from = 0
    for (let at = 0; at < blocks.length; at += BLOCK) {
      if (isZero(blocks, at)) {
        if (this.#runStart >= 0) continue
        if (at > from) this.#hashed(blocks.subarray(from, at))
        this.#runStart = this.#position + at
      } else if (this.#runStart >= 0) {
        this.#endRunAt(this.#position + at)
        from = at
      }
    }
    if (this.#runStart < 0) this.#hashed(from === 0 ? blocks : blocks.subarray(from))
    this.#position += blocks.length
  }

  #hashed(bytes: Buffer): void {
    this.#data ??= createHash('sha256')
    this.#data.update(bytes)
  }

  #endRun(): void {
    if (this.#runStart >= 0) this.#endRunAt(this.#position)
  }

  #endRunAt(position: number): void {
    this.#zeros ??= createHash('sha256')
    this.#zeros.update(`${this.#runStart} ${position - this.#runStart}\n`)
    this.#runStart = -1
  }
}

const EMPTY = hash('sha256', '', 'hex')

/** The same of a whole file in memory: one call for the many that are small. */
export function digestOf(buffer: Buffer, start: number, end: number): string {
  const content = start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end)
  for (let at = start; at + BLOCK <= end; at += BLOCK) {
    if (!isZero(buffer, at)) continue
    const digest = new ContentDigest()
    digest.update(content)
    return digest.finish()
  }
  return hash('sha256', content, 'hex')
}

function isZero(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0 && bytes[at + 2048] === 0 && bytes.compare(ZEROS, 0, BLOCK, at, at + BLOCK) === 0
}
