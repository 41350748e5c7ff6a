import { invalid } from '#lib/errors.ts'
import { BLOCK, padding } from './entry.ts'
import type { ByteString, TarEntry, TarType } from './entry.ts'
import { decodeHeader } from './header.ts'
import type { RawHeader } from './header.ts'
import { applyPax, decodePax } from './pax.ts'
import type { PaxRecords } from './pax.ts'
import { SparseMap } from './sparse.ts'

/** Called in the order of the archive: `entry`, then `data` for its content (slices of what was pushed), then `end`. */
export interface TarHandler {
  entry(entry: TarEntry): void
  data(chunk: Buffer): void
  end(): void
  /** Records for all members that follow. */
  global?(records: ReadonlyMap<ByteString, ByteString>): void
}

/** Members that say something of others: pax headers, GNU's long names. */
const META: ReadonlySet<string> = new Set('xgLK')

/** Longest pax header or GNU long name taken into memory. */
const META_MAX = 4 << 20

/** Incremental tar parser (ustar, pax, GNU long names, v7). Push bytes as they come, then call `finish`. */
export class TarReader {
  readonly #handler: TarHandler
  readonly #sparse: boolean
  /** The map of a sparse file that is being collected, before its data. */
  #map: { entry: TarEntry; map: SparseMap } | undefined
  #partial = Buffer.alloc(0)
  #remaining = 0
  #skip = 0
  /** The meta member being collected: its header and bytes. */
  #meta: { typeFlag: string; size: number; parts: Buffer[] } | undefined
  #inEntry = false
  #ended = false
  readonly #global: PaxRecords = new Map()
  #local: PaxRecords | undefined
  #longName: ByteString | undefined
  #longLink: ByteString | undefined

  /** @param options `sparse`: files that are stored without their holes are accepted, and come with `data` */
  constructor(handler: TarHandler, options: { sparse?: boolean } = {}) {
    this.#handler = handler
    this.#sparse = options.sparse ?? false
  }

  /** Whether the archive's end (a block of zeros) has come. */
  get ended(): boolean {
    return this.#ended
  }

  /**
   * @returns what follows the archive's end
   * @throws invalid when the bytes are no tar archive
   */
  push(chunk: Buffer): Buffer {
    const data = this.#partial.length > 0 ? Buffer.concat([this.#partial, chunk]) : chunk
    if (this.#partial.length > 0) this.#partial = Buffer.alloc(0)
    let at = 0
    // By offsets: a Buffer for each header would cost more than what is in it.
    while (at < data.length && !this.#ended) {
      if (this.#remaining > 0 && !this.#map) at = this.#content(data, at)
      else if (this.#skip > 0 && !this.#map) {
        const skipped = Math.min(this.#skip, data.length - at)
        this.#skip -= skipped
        at += skipped
      } else if (data.length - at < BLOCK) {
        this.#partial = Buffer.from(data.subarray(at))
        at = data.length
      } else {
        if (this.#map) this.#mapBlock(this.#map, data.subarray(at, at + BLOCK))
        else this.#header(data, at)
        at += BLOCK
      }
    }
    return data.subarray(at)
  }

  /** @throws invalid when the archive stops in the middle of a member */
  finish(): void {
    if (this.#ended) return
    if (this.#remaining > 0 || this.#skip > 0 || this.#map || this.#partial.length > 0)
      throw invalid('tar archive ends in the middle of a member: it was cut short')
  }

  #content(data: Buffer, at: number): number {
    const end = Math.min(data.length, at + this.#remaining)
    const whole = end - at === this.#remaining
    this.#remaining -= end - at
    if (!this.#meta) this.#handler.data(data.subarray(at, end))
    else if (whole && this.#meta.parts.length === 0) {
      const { typeFlag } = this.#meta
      this.#meta = undefined
      this.#metaDone(typeFlag, data, at, end)
      return end
    } else this.#meta.parts.push(Buffer.from(data.subarray(at, end)))
    if (whole) this.#close()
    return end
  }

  #close(): void {
    const meta = this.#meta
    this.#meta = undefined
    if (meta) {
      const all = Buffer.concat(meta.parts)
      this.#metaDone(meta.typeFlag, all, 0, all.length)
    } else if (this.#inEntry) this.#handler.end()
    this.#inEntry = false
  }

  #header(data: Buffer, at: number): void {
    const raw = decodeHeader(data, at)
    if (!raw) {
      // The first block of zeros ends the archive; what follows is padding.
      this.#ended = true
      return
    }
    if (raw.size < 0) throw invalid(`tar member ${raw.name} has a negative size`)
    if (META.has(raw.typeFlag)) {
      if (raw.size > META_MAX) throw invalid(`tar archive has a header of ${raw.size} bytes`)
      this.#meta = { typeFlag: raw.typeFlag, size: raw.size, parts: [] }
      this.#start(raw.size)
      return
    }
    const records = this.#local
    const entry = this.#entry(raw)
    this.#inEntry = true
    if (records?.has('GNU.sparse.major') || records?.has('GNU.sparse.size')) {
      if (!this.#sparse)
        throw invalid(`tar member ${entry.name} is stored sparse, which is not supported: pack it without --sparse`)
      this.#map = { entry, map: new SparseMap(entry, records) }
      this.#remaining = entry.size
      this.#skip = padding(entry.size)
      return
    }
    this.#handler.entry(entry)
    this.#start(entry.size)
  }

  #mapBlock({ entry, map }: { entry: TarEntry; map: SparseMap }, block: Buffer): void {
    if (this.#remaining < BLOCK) throw invalid(`tar member ${entry.name} has a damaged map of its holes`)
    this.#remaining -= BLOCK
    if (!map.push(block)) return
    this.#map = undefined
    this.#handler.entry(entry)
    if (this.#remaining === 0) this.#close()
  }

  #start(size: number): void {
    this.#remaining = size
    this.#skip = padding(size)
    if (size === 0) this.#close()
  }

  #metaDone(typeFlag: string, data: Buffer, start: number, end: number): void {
    if (typeFlag === 'x') this.#local = decodePax(data, start, end)
    else if (typeFlag === 'L') this.#longName = cString(data, start, end)
    else if (typeFlag === 'K') this.#longLink = cString(data, start, end)
    else {
      for (const [key, value] of decodePax(data, start, end)) this.#global.set(key, value)
      this.#handler.global?.(this.#global)
    }
  }

  #entry(raw: RawHeader): TarEntry {
    const entry: TarEntry = {
      name: this.#longName ?? raw.name,
      type: 'file',
      mode: raw.mode,
      uid: raw.uid,
      gid: raw.gid,
      size: raw.size,
      mtime: { seconds: raw.mtime, nanos: 0 },
      linkName: this.#longLink ?? raw.linkName,
      major: raw.major,
      minor: raw.minor,
      xattrs: undefined,
    }
    if (this.#global.size > 0) applyPax(entry, this.#global, 'global')
    if (this.#local) applyPax(entry, this.#local, 'local')
    this.#local = this.#longName = this.#longLink = undefined
    entry.type = typeOf(raw.typeFlag, entry.name)
    // Only files carry content; some writers put the target's size into a hard link's header.
    if (entry.type !== 'file') entry.size = 0
    return entry
  }
}

const TYPES: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
}

function typeOf(flag: string, name: ByteString): TarType {
  const type = TYPES[flag]
  if (!type) throw invalid(`tar member ${name} has the unsupported type ${JSON.stringify(flag)}`)
  // Before ustar, a directory was a file whose name ends with a slash.
  return type === 'file' && name.endsWith('/') ? 'directory' : type
}

function cString(data: Buffer, start: number, end: number): ByteString {
  const zero = data.indexOf(0, start)
  return data.toString('latin1', start, zero < 0 ? end : Math.min(zero, end))
}
