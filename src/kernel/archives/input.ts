import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress, crc32, inflateRaw, zstdDecompress } from 'node:zlib'
import { BerthError, invalid, messageOf } from '#lib/errors.ts'
import {
  decodeMarker,
  decodeTrailer,
  encodeTrailer,
  formatOf,
  gzipMemberParts,
  Segments,
  TRAILER_SIZE,
  unwrapIndex,
} from '#codec/backup/index.ts'
import type { Segment } from '#codec/backup/index.ts'
import { TarReader } from '#codec/tar/index.ts'
import type { BackupFormat, BackupHeader } from '#model/backup.ts'

/** Bytes in which an archive must say whose it is. */
const HEAD_MAX = 1 << 20

/** An archive on its way in: its tar, then what vouches for it. */
export interface Input {
  /** undefined when the archive is none of ours. */
  header: BackupHeader | undefined
  tar: AsyncIterable<Buffer>
  /** After the tar. @throws invalid unless every byte is as it was written */
  verify(): Promise<Verified>
}

export interface Verified {
  /** Lines as `indexLines` takes them; empty for an archive that is none of ours. */
  index: Buffer
  storedBytes: number
  /** sha256 (hex) of all that a trailer vouches for; of everything where there is none. */
  digest: string
}

/** @throws invalid when it is empty, or damaged so early */
export async function openInput(source: AsyncIterator<Buffer>): Promise<Input> {
  const head = new Head(source)
  await head.atLeast(4)
  if (head.bytes.length === 0) throw invalid('archive is empty')
  const format = formatOf(head.bytes)
  const header = await head.header(format)
  const all = head.all()
  if (!header) return new ForeignInput(all, format)
  return format === 'tar' ? new TarInput(all, header) : new SegmentInput(all, header, format)
}

/** The first bytes, which are read again. */
class Head {
  readonly #source: AsyncIterator<Buffer>
  #done = false
  bytes: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterator<Buffer>) {
    this.#source = source
  }

  async atLeast(length: number): Promise<boolean> {
    while (this.bytes.length < length && !this.#done) {
      const next = await this.#source.next()
      if (next.done) this.#done = true
      else this.bytes = this.bytes.length === 0 ? next.value : Buffer.concat([this.bytes, next.value])
    }
    return this.bytes.length >= length
  }

  async *all(): AsyncGenerator<Buffer, void> {
    if (this.bytes.length > 0) yield this.bytes
    this.bytes = Buffer.alloc(0)
    while (!this.#done) {
      const next = await this.#source.next()
      if (next.done) return
      yield next.value
    }
  }

  /** What the marker says; undefined when there is none. */
  async header(format: BackupFormat): Promise<BackupHeader | undefined> {
    for (let length = 1024; ; length *= 4) {
      const more = await this.atLeast(length)
      const tar = format === 'tar' ? this.bytes : await firstSegment(format, this.bytes)
      const found = tar && markerIn(tar)
      if (found && found !== 'more') return found
      if (!more || length >= HEAD_MAX || (tar && found !== 'more')) return undefined
    }
  }
}

/** Tar of the first segment; undefined when it is not there yet, or the archive is none of ours. */
async function firstSegment(format: 'zstd' | 'gzip', bytes: Buffer): Promise<Buffer | undefined> {
  try {
    const [segment] = new Segments(format).push(bytes)
    if (segment?.kind !== 'data' || segment.contentSize > HEAD_MAX) return undefined
    return await decompress(format, segment)
  } catch {
    return undefined
  }
}

function markerIn(tar: Buffer): BackupHeader | 'more' | undefined {
  let found: BackupHeader | undefined
  let others = false
  let wrong: unknown
  const reader = new TarReader({
    global: records => {
      try {
        found ??= decodeMarker(records)
      } catch (error) {
        wrong = error
      }
    },
    entry: () => (others = true),
    data: () => {},
    end: () => {},
  })
  try {
    reader.push(tar)
  } catch {
    others = true
  }
  if (wrong instanceof Error) throw wrong
  return found ?? (others || reader.ended ? undefined : 'more')
}

/** Of a segment, on Node's pool. @throws invalid */
async function decompress(format: 'zstd' | 'gzip', segment: Segment): Promise<Buffer> {
  const size = segment.contentSize
  const options = { chunkSize: Math.max(64, size), maxOutputLength: Math.max(1, size) }
  let content: Buffer
  try {
    content = await new Promise((resolve, reject) => {
      const done = (error: Error | null, result: Buffer) => (error ? reject(error) : resolve(result))
      if (format === 'zstd') zstdDecompress(segment.bytes, options, done)
      else inflateRaw(gzipMemberParts(segment.bytes).deflated, options, done)
    })
  } catch (cause) {
    throw invalid('archive is damaged: it cannot be decompressed', { cause })
  }
  if (content.length !== size) throw invalid('archive is damaged: a part has another length than it says')
  if (format === 'gzip' && crc32(content) !== gzipMemberParts(segment.bytes).crc)
    throw invalid('archive is damaged: a part has a wrong checksum')
  return content
}

const cutShort = () => invalid('archive is not whole: it was cut short, or writing it was not finished')
const changed = () => invalid('archive is damaged: its bytes are not those that were written')

class SegmentInput implements Input {
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
class TarInput implements Input {
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

/** What another program made: nothing vouches for it but the compressor's checksums. */
class ForeignInput implements Input {
  readonly header = undefined
  readonly #format: BackupFormat
  readonly #source: AsyncIterable<Buffer>
  readonly #hash = createHash('sha256')
  #last: Buffer = Buffer.alloc(0)
  #length = 0

  constructor(source: AsyncIterable<Buffer>, format: BackupFormat) {
    this.#source = source
    this.#format = format
  }

  get tar(): AsyncIterable<Buffer> {
    return this.#tar()
  }

  async *#tar(): AsyncGenerator<Buffer, void> {
    const raw = this.#raw()
    if (this.#format === 'tar') return yield* raw
    const options = { chunkSize: 1 << 20 }
    const stream = this.#format === 'gzip' ? createGunzip(options) : createZstdDecompress(options)
    const source = Readable.from(raw, { objectMode: false })
    source.on('error', error => stream.destroy(error))
    try {
      for await (const chunk of source.pipe(stream)) yield chunk as Buffer
    } catch (error) {
      if (error instanceof BerthError) throw error
      throw invalid(`archive is damaged or not whole: ${messageOf(error)}`, { cause: error })
    } finally {
      source.destroy()
    }
  }

  async *#raw(): AsyncGenerator<Buffer, void> {
    for await (const chunk of this.#source) {
      this.#hash.update(chunk)
      this.#length += chunk.length
      this.#last = Buffer.from(Buffer.concat([this.#last, chunk.subarray(-TRAILER_SIZE)]).subarray(-TRAILER_SIZE))
      yield chunk
    }
  }

  async verify(): Promise<Verified> {
    let ours = true
    try {
      ours = decodeTrailer(this.#last) !== undefined
    } catch {
      // Damaged, but there.
    }
    if (ours) throw invalid('archive is damaged: it has the end of a berth backup, but not its beginning')
    return { index: Buffer.alloc(0), storedBytes: this.#length, digest: this.#hash.digest('hex') }
  }
}
