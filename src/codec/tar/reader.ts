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
    let data = this.#partial.length > 0 ? Buffer.concat([this.#partial, chunk]) : chunk
    this.#partial = Buffer.alloc(0)
    while (data.length > 0 && !this.#ended) {
      if (this.#remaining > 0 && !this.#map) data = this.#content(data)
      else if (this.#skip > 0 && !this.#map) {
        const skipped = Math.min(this.#skip, data.length)
        this.#skip -= skipped
        data = data.subarray(skipped)
      } else if (data.length < BLOCK) {
        this.#partial = Buffer.from(data)
        return data.subarray(data.length)
      } else if (this.#map) {
        this.#mapBlock(this.#map, data.subarray(0, BLOCK))
        data = data.subarray(BLOCK)
      } else {
        this.#header(data.subarray(0, BLOCK))
        data = data.subarray(BLOCK)
      }
    }
    return data
  }

  /** @throws invalid when the archive stops in the middle of a member */
  finish(): void {
    if (this.#ended) return
    if (this.#remaining > 0 || this.#skip > 0 || this.#map || this.#partial.length > 0)
      throw invalid('tar archive ends in the middle of a member: it was cut short')
  }

  #content(data: Buffer): Buffer {
    const part = data.subarray(0, this.#remaining)
    this.#remaining -= part.length
    if (this.#meta) this.#meta.parts.push(Buffer.from(part))
    else this.#handler.data(part)
    if (this.#remaining === 0) this.#close()
    return data.subarray(part.length)
  }

  #close(): void {
    if (this.#meta) this.#metaDone(this.#meta.typeFlag, Buffer.concat(this.#meta.parts))
    else if (this.#inEntry) this.#handler.end()
    this.#inEntry = false
    this.#meta = undefined
  }

  #header(block: Buffer): void {
    const raw = decodeHeader(block)
    if (!raw) {
      // The first block of zeros ends the archive; what follows is padding.
      this.#ended = true
      return
    }
    if ('xgLK'.includes(raw.typeFlag)) {
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

  #metaDone(typeFlag: string, data: Buffer): void {
    if (typeFlag === 'x') this.#local = decodePax(data)
    else if (typeFlag === 'L') this.#longName = cString(data)
    else if (typeFlag === 'K') this.#longLink = cString(data)
    else {
      for (const [key, value] of decodePax(data)) this.#global.set(key, value)
      this.#handler.global?.(this.#global)
    }
  }

  #entry(raw: RawHeader): TarEntry {
    const entry: TarEntry = {
      ...raw,
      name: this.#longName ?? raw.name,
      linkName: this.#longLink ?? raw.linkName,
      type: 'file',
      mtime: { seconds: raw.mtime, nanos: 0 },
      xattrs: undefined,
    }
    applyPax(entry, this.#global)
    // A comment for all is about the archive.
    delete entry.comment
    if (this.#local) applyPax(entry, this.#local)
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

function cString(data: Buffer): ByteString {
  const end = data.indexOf(0)
  return data.toString('latin1', 0, end < 0 ? data.length : end)
}
