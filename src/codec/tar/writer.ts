import { BLOCK, padding } from './entry.ts'
import type { TarEntry } from './entry.ts'
import { encodeHeader } from './header.ts'
import { encodePax, neededPax } from './pax.ts'

/** The blocks before an entry's content: a pax header where the ustar block is too small, then that block. */
export function encodeEntry(entry: TarEntry): Buffer {
  const records = neededPax(entry)
  if (records.size === 0) return encodeHeader(entry)
  const data = encodePax(records)
  const base = entry.name.split('/').findLast(part => part !== '') ?? ''
  const header: TarEntry = {
    ...entry,
    name: `PaxHeaders.0/${base.slice(0, 80)}`,
    size: data.length,
    mode: 0o644,
    uid: 0,
    gid: 0,
    linkName: '',
    major: 0,
    minor: 0,
  }
  return Buffer.concat([encodeHeader(header, 'x'), data, Buffer.alloc(padding(data.length)), encodeHeader(entry)])
}

/** Fills the last block of an entry's content. */
export function encodePadding(size: number): Buffer {
  return Buffer.alloc(padding(size))
}

/** The end of an archive: two blocks of zeros. */
export function encodeEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK)
}
