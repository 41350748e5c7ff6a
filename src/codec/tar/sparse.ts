import { invalid } from '#lib/errors.ts'
import { bytes, padding } from './entry.ts'
import type { TarEntry } from './entry.ts'
import type { PaxRecords } from './pax.ts'

/**
 * Files with holes as GNU tar stores them (format 1.0, "Storing Sparse Files" in its manual): pax records say how long
 * the file is, and its content begins with a map of decimal lines, padded to whole blocks: a count, then offset and
 * length of each stretch of data.
 */
export function sparseRecords(entry: TarEntry): PaxRecords {
  return new Map([
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.name', entry.name],
    ['GNU.sparse.realsize', String(entry.size)],
  ])
}

export function encodeSparseMap(data: [number, number][], size: number): Buffer {
  const last = data.at(-1)
  // GNU tar makes the file as long as its map goes: a hole at the end is told by an empty stretch there.
  const map = last && last[0] + last[1] === size ? data : [...data, [size, 0]]
  const text = bytes(`${map.length}\n${map.map(([offset, length]) => `${offset}\n${length}\n`).join('')}`)
  return Buffer.concat([text, Buffer.alloc(padding(text.length))])
}

/** Longest map taken into memory. */
const MAP_MAX = 64 << 20

/** Collects a map; `push` gives it once it is whole, and what follows it. */
export class SparseMap {
  readonly #entry: TarEntry
  readonly #realSize: number
  readonly #numbers: number[] = []
  /** Unread digits of a line that a chunk cut. */
  #line = ''
  #taken = 0

  /** @throws invalid for a format that is not known here */
  constructor(entry: TarEntry, records: PaxRecords) {
    const realSize = Number(records.get('GNU.sparse.realsize'))
    if (records.get('GNU.sparse.major') !== '1' || records.get('GNU.sparse.minor') !== '0')
      throw invalid(`tar member ${entry.name} is stored sparse in an unknown format: pack it without --sparse`)
    if (!Number.isSafeInteger(realSize) || realSize < 0) throw this.#damaged(entry)
    entry.name = records.get('GNU.sparse.name') ?? entry.name
    this.#entry = entry
    this.#realSize = realSize
  }

  /** @param block one of 512 bytes; @returns whether the map ends with it */
  push(block: Buffer): boolean {
    this.#taken += block.length
    if (this.#taken > MAP_MAX) throw this.#damaged(this.#entry)
    const lines = (this.#line + block.toString('latin1')).split('\n')
    this.#line = lines.pop()!
    for (const line of lines) {
      if (!/^\d{1,16}$/.test(line)) throw this.#damaged(this.#entry)
      this.#numbers.push(Number(line))
      if (this.#numbers.length === 1 + 2 * this.#numbers[0]!) return this.#finish()
    }
    return false
  }

  #finish(): boolean {
    const data: [number, number][] = []
    let end = 0
    let stored = 0
    for (let i = 1; i < this.#numbers.length; i += 2) {
      const [offset, length] = [this.#numbers[i]!, this.#numbers[i + 1]!]
      if (offset < end || offset + length > this.#realSize) throw this.#damaged(this.#entry)
      end = offset + length
      stored += length
      if (length > 0) data.push([offset, length])
    }
    if (stored !== this.#entry.size - this.#taken) throw this.#damaged(this.#entry)
    this.#entry.data = data
    this.#entry.size = this.#realSize
    return true
  }

  #damaged(entry: TarEntry): Error {
    return invalid(`tar member ${entry.name} has a damaged map of its holes`)
  }
}
