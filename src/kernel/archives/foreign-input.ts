import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { BerthError, invalid, messageOf } from '#lib/errors.ts'
import { decodeTrailer, TRAILER_SIZE } from '#codec/backup/index.ts'
import type { BackupFormat } from '#model/backup.ts'
import type { Input, Verified } from './input.ts'

/** What another program made: nothing vouches for it but the compressor's checksums. */
export class ForeignInput implements Input {
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
