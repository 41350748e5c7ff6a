import { createHash, type Hash } from 'node:crypto'

const MIB = 1024 * 1024
/** S3's limits: parts of an upload, and bytes of any part but the last. */
export const MAX_PARTS = 10_000
export const SMALLEST_PART = 5 * MIB
export const FIRST_PART = 8 * MIB

/** Growth from part to part, with which 10,000 of them hold S3's 5 TiB, however short the first are. */
const GROWTH = 6e-4
/** Bytes of parts that may be in memory. */
const BUDGET = 256 * MIB

/**
 * Length of a part, by its number from 1 on; the same in every attempt.
 * @param first length of the first, bytes
 */
export function partLength(number: number, first: number): number {
  return Math.ceil((first * Math.exp(GROWTH * (number - 1))) / MIB) * MIB
}

/** How many parts may be under way. */
export const parallelParts = (length: number) => Math.max(1, Math.min(4, Math.floor(BUDGET / length) - 1))

/** One piece of the content, as it is sent. */
export interface Part {
  number: number
  offset: number
  bytes: Buffer
  /** As in `Content-MD5`. */
  md5: Buffer
}

/** Cuts content into parts. The last one is shorter, or empty when there is no other. */
export async function* cutIntoParts(content: AsyncIterable<Buffer>, first: number): AsyncGenerator<Part> {
  let number = 1
  let offset = 0
  let part = new Filling(partLength(1, first))
  for await (let piece of content) {
    while (piece.length > 0) {
      if (part.full) {
        yield part.close(number++, offset)
        offset += part.length
        part = new Filling(partLength(number, first))
      }
      piece = part.take(piece)
    }
  }
  yield part.close(number, offset)
}

class Filling {
  readonly length: number
  readonly #md5: Hash = createHash('md5')
  readonly #pieces: Buffer[] = []
  #used = 0

  constructor(length: number) {
    this.length = length
  }

  get full(): boolean {
    return this.#used === this.length
  }

  /** @returns what had no room */
  take(piece: Buffer): Buffer {
    const taken = piece.subarray(0, this.length - this.#used)
    this.#pieces.push(taken)
    this.#md5.update(taken)
    this.#used += taken.length
    return piece.subarray(taken.length)
  }

  close(number: number, offset: number): Part {
    return { number, offset, bytes: Buffer.concat(this.#pieces, this.#used), md5: this.#md5.digest() }
  }
}
