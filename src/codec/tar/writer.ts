import { BLOCK, padding } from './entry.ts'
import type { ByteString, TarEntry } from './entry.ts'
import { writeHeader } from './header.ts'
import { encodePax, neededPax } from './pax.ts'
import type { PaxRecords } from './pax.ts'
import { encodeSparseMap, sparseRecords } from './sparse.ts'

/**
 * The blocks before an entry's content: a pax header where the ustar block is too small, then that block, and the map of
 * a file that is stored without its holes.
 */
export function encodeEntry(entry: TarEntry): Buffer {
  if (entry.data) return encodeSparse(entry, entry.data)
  const pax = neededPax(entry)
  const blocks = Buffer.allocUnsafe(entryLength(pax))
  writeEntry(blocks, 0, entry, pax)
  return blocks
}

/** Bytes that `writeEntry` writes. @param pax what `neededPax` gave */
export function entryLength(pax: ByteString): number {
  return pax === '' ? BLOCK : 2 * BLOCK + pax.length + padding(pax.length)
}

/** `encodeEntry` into a buffer, for a file that is stored with its holes. @returns where the content goes */
export function writeEntry(target: Buffer, at: number, entry: TarEntry, pax: ByteString): number {
  let position = at
  if (pax !== '') position = writeRecords(target, position, 'x', pax, entry)
  writeHeader(target, position, entry)
  return position + BLOCK
}

/** A pax header with records for all members that follow. */
export function encodeGlobal(records: PaxRecords): Buffer {
  const pax = encodePax(records)
  const blocks = Buffer.allocUnsafe(entryLength(pax) - BLOCK)
  writeRecords(blocks, 0, 'g', pax)
  return blocks
}

function encodeSparse(entry: TarEntry, data: [number, number][]): Buffer {
  const map = encodeSparseMap(data, entry.size)
  const size = map.length + data.reduce((sum, [, length]) => sum + length, 0)
  // Readers that do not know the format see this name.
  const stored: TarEntry = { ...entry, name: `GNUSparseFile.0/${baseOf(entry.name)}`, size }
  const pax = neededPax({ ...stored, name: '' }) + encodePax(sparseRecords(entry))
  const blocks = Buffer.allocUnsafe(entryLength(pax))
  writeEntry(blocks, 0, stored, pax)
  return Buffer.concat([blocks, map])
}

function writeRecords(target: Buffer, at: number, typeFlag: 'x' | 'g', pax: ByteString, entry?: TarEntry): number {
  const name = entry ? `PaxHeaders.0/${baseOf(entry.name)}` : 'PaxHeaders.0/global'
  const mtime = entry?.mtime ?? EPOCH
  const rest = { type: 'file', mode: 0o644, uid: 0, gid: 0, linkName: '', major: 0, minor: 0 } as const
  writeHeader(target, at, { name, size: pax.length, mtime, ...rest }, typeFlag)
  const start = at + BLOCK
  const end = start + pax.length + padding(pax.length)
  target.fill(0, end - BLOCK, end)
  target.write(pax, start, 'latin1')
  return end
}

const EPOCH = { seconds: 0, nanos: 0 }

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
