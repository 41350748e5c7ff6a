import { invalid } from '#lib/errors.ts'
import { BLOCK, padding } from './entry.ts'
import type { ByteString, TarEntry, TarType } from './entry.ts'
import { decodeHeader } from './header.ts'
import type { RawHeader } from './header.ts'
import { applyPax, decodePax } from './pax.ts'
import type { PaxRecords } from './pax.ts'

/** Called in the order of the archive: `entry`, then `data` for its content (slices of what was pushed), then `end`. */
export interface TarHandler {
  entry(entry: TarEntry): void
  data(chunk: Buffer): void
  end(): void
}

/** Longest pax header or GNU long name taken into memory. */
const META_MAX = 4 << 20

/** Incremental tar parser (ustar, pax, GNU long names, v7). Push bytes as they come, then call `finish`. */
export class TarReader {
  readonly #handler: TarHandler
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

  constructor(handler: TarHandler) {
    this.#handler = handler
  }

  /** @throws invalid when the bytes are no tar archive */
  push(chunk: Buffer): void {
    let data = this.#partial.length > 0 ? Buffer.concat([this.#partial, chunk]) : chunk
    this.#partial = Buffer.alloc(0)
    while (data.length > 0 && !this.#ended) {
      if (this.#remaining > 0) data = this.#content(data)
      else if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, data.length)
        this.#skip -= skipped
        data = data.subarray(skipped)
      } else if (data.length < BLOCK) {
        this.#partial = Buffer.from(data)
        return
      } else {
        this.#header(data.subarray(0, BLOCK))
        data = data.subarray(BLOCK)
      }
    }
  }

  /** @throws invalid when the archive stops in the middle of a member */
  finish(): void {
    if (this.#ended) return
    if (this.#remaining > 0 || this.#skip > 0 || this.#partial.length > 0)
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
    const entry = this.#entry(raw)
    this.#inEntry = true
    this.#handler.entry(entry)
    this.#start(entry.size)
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
    else for (const [key, value] of decodePax(data)) this.#global.set(key, value)
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
