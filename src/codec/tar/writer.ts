import { BLOCK, padding } from './entry.ts'
import type { TarEntry } from './entry.ts'
import { encodeHeader } from './header.ts'
import { encodePax, neededPax } from './pax.ts'
import type { PaxRecords } from './pax.ts'
import { encodeSparseMap, sparseRecords } from './sparse.ts'

/**
 * The blocks before an entry's content: a pax header where the ustar block is too small, then that block, and the map of
 * a file that is stored without its holes.
 */
export function encodeEntry(entry: TarEntry): Buffer {
  if (entry.data) return encodeSparse(entry, entry.data)
  const records = neededPax(entry)
  if (records.size === 0) return encodeHeader(entry)
  return Buffer.concat([encodeRecords('x', records, entry), encodeHeader(entry)])
}

/** A pax header with records for all members that follow. */
export function encodeGlobal(records: PaxRecords): Buffer {
  return encodeRecords('g', records)
}

function encodeSparse(entry: TarEntry, data: [number, number][]): Buffer {
  const map = encodeSparseMap(data)
  const size = map.length + data.reduce((sum, [, length]) => sum + length, 0)
  // Readers that do not know the format see this name.
  const stored: TarEntry = { ...entry, name: `GNUSparseFile.0/${baseOf(entry.name)}`, size }
  const records = neededPax({ ...stored, name: '' })
  for (const [key, value] of sparseRecords(entry)) records.set(key, value)
  return Buffer.concat([encodeRecords('x', records, entry), encodeHeader(stored), map])
}

function encodeRecords(typeFlag: 'x' | 'g', records: PaxRecords, entry?: TarEntry): Buffer {
  const data = encodePax(records)
  const header: TarEntry = {
    type: 'file',
    name: `PaxHeaders.0/${entry ? baseOf(entry.name) : 'global'}`,
    size: data.length,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: entry?.mtime ?? { seconds: 0, nanos: 0 },
    linkName: '',
    major: 0,
    minor: 0,
    xattrs: undefined,
  }
  return Buffer.concat([encodeHeader(header, typeFlag), data, Buffer.alloc(padding(data.length))])
}

function baseOf(name: string): string {
  const end = name.endsWith('/') ? name.length - 1 : name.length
  return name.slice(name.lastIndexOf('/', end - 1) + 1, end).slice(0, 80)
}

/** Fills the last block of an entry's content. */
export function encodePadding(size: number): Buffer {
  return Buffer.alloc(padding(size))
}

/** The end of an archive: two blocks of zeros. */
export function encodeEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK)
}
