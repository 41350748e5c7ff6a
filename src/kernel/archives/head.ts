import { decodeMarker, Segments } from '#codec/backup/index.ts'
import { TarReader } from '#codec/tar/index.ts'
import type { BackupFormat, BackupHeader } from '#model/backup.ts'
import { decompress } from './segment.ts'

/** Bytes in which an archive must say whose it is. */
const HEAD_MAX = 1 << 20

/** The first bytes, which are read again. */
export class Head {
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
