import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { invalid } from '#lib/errors.ts'
import { decodeTrailer, encodeTrailer, Segments, TRAILER_SIZE, unwrapIndex } from '#codec/backup/index.ts'
import type { Segment } from '#codec/backup/index.ts'
import { TarReader } from '#codec/tar/index.ts'
import type { BackupHeader } from '#model/backup.ts'
import type { Input, Verified } from './input.ts'
import { decompress } from './segment.ts'

const cutShort = () => invalid('archive is not whole: it was cut short, or writing it was not finished')
const changed = () => invalid('archive is damaged: its bytes are not those that were written')

/** zstd or gzip: segments, decompressed side by side, then the index. */
export class SegmentInput implements Input {
  readonly header: BackupHeader
  readonly #format: 'zstd' | 'gzip'
  readonly #source: AsyncIterable<Buffer>
  readonly #segments: Segments
  readonly #hash = createHash('sha256')
  #stored = 0
  #index: Buffer[] = []
  #indexOffset: number | undefined
  #trailer: Buffer | undefined

  constructor(source: AsyncIterable<Buffer>, header: BackupHeader, format: 'zstd' | 'gzip') {
    this.#source = source
    this.header = header
    this.#format = format
    this.#segments = new Segments(format)
  }

  get tar(): AsyncIterable<Buffer> {
    return this.#tar()
  }

  async *#tar(): AsyncGenerator<Buffer, void> {
    const queue: Promise<Buffer>[] = []
    const most = Math.min(4, availableParallelism()) + 1
    for await (const chunk of this.#source) {
      for (const segment of this.#segments.push(chunk)) {
        if (!this.#take(segment)) continue
        const content = decompress(this.#format, segment)
        content.catch(() => {})
        queue.push(content)
        if (queue.length >= most) yield await queue.shift()!
      }
    }
    while (queue.length > 0) yield await queue.shift()!
  }

  /** @returns whether it is data */
  #take(segment: Segment): boolean {
    if (this.#trailer) throw invalid('archive is damaged: something follows its end')
    if (segment.kind === 'trailer') {
      this.#trailer = Buffer.from(segment.bytes)
      return false
    }
    if (segment.kind === 'index') {
      this.#indexOffset ??= this.#stored
      this.#index.push(Buffer.from(segment.bytes))
    } else if (this.#indexOffset !== undefined) throw invalid('archive is damaged: its index is not at its end')
    this.#hash.update(segment.bytes)
    this.#stored += segment.bytes.length
    return segment.kind === 'data'
  }

  async verify(): Promise<Verified> {
    if (!this.#trailer || this.#segments.left > 0) throw this.#trailer ? changed() : cutShort()
    const digest = this.#hash.digest('hex')
    const index = Buffer.concat(this.#index)
    const expected = encodeTrailer({
      format: this.#format,
      indexOffset: this.#indexOffset ?? this.#stored,
      indexLength: index.length,
      digest,
    })
    if (!expected.equals(this.#trailer)) throw changed()
    return { index: unwrapIndex(this.#format, index), storedBytes: this.#stored + TRAILER_SIZE, digest }
  }
}

/** Bytes but the last ones, which are kept for the end. */
class AllButTrailer {
  #kept: Buffer = Buffer.alloc(0)
  readonly hash = createHash('sha256')
  length = 0

  push(chunk: Buffer): Buffer {
    const data = this.#kept.length > 0 ? Buffer.concat([this.#kept, chunk]) : chunk
    const end = Math.max(0, data.length - TRAILER_SIZE)
    this.#kept = Buffer.from(data.subarray(end))
    const ready = data.subarray(0, end)
    this.hash.update(ready)
    this.length += ready.length
    return ready
  }

  get last(): Buffer {
    return this.#kept
  }
}

/** Index after the tar's end, as it is: the reader of the tar hands it back through `rest`. */
export class TarInput implements Input {
  readonly header: BackupHeader
  readonly #source: AsyncIterable<Buffer>
  readonly #bytes = new AllButTrailer()
  /** Finds the tar's end, as the one who unpacks it does. */
  readonly #scanner = new TarReader({ entry: () => {}, data: () => {}, end: () => {} }, { sparse: true })
  #rest: Buffer[] = []
  #restLength = 0

  constructor(source: AsyncIterable<Buffer>, header: BackupHeader) {
    this.#source = source
    this.header = header
  }

  get tar(): AsyncIterable<Buffer> {
    return this.#tar()
  }

  async *#tar(): AsyncGenerator<Buffer, void> {
    for await (const chunk of this.#source) {
      const ready = this.#bytes.push(chunk)
      if (ready.length === 0) continue
      const rest = this.#scanner.push(ready)
      if (rest.length > 0) {
        this.#rest.push(Buffer.from(rest))
        this.#restLength += rest.length
      }
      yield ready
    }
  }

  async verify(): Promise<Verified> {
    const trailer = decodeTrailer(this.#bytes.last)
    if (!trailer) throw cutShort()
    const digest = this.#bytes.hash.digest('hex')
    const rest = Buffer.concat(this.#rest)
    const tarEnd = this.#bytes.length - this.#restLength + 512
    const index = rest.subarray(512, 512 + trailer.indexLength)
    const expected = { format: 'tar', indexOffset: tarEnd, indexLength: index.length, digest } as const
    if (!encodeTrailer(expected).equals(this.#bytes.last)) throw changed()
    if (rest.subarray(0, 512).some(byte => byte !== 0)) throw changed()
    return { index, storedBytes: this.#bytes.length + TRAILER_SIZE, digest }
  }
}
