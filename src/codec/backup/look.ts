import { inflateRawSync, zstdDecompressSync } from 'node:zlib'
import { invalid, isKind } from '#lib/errors.ts'
import { decodePax } from '#codec/tar/pax.ts'
import type { BackupHeader } from '#model/backup.ts'
import { decodeMarker } from './marker.ts'
import { formatOf, gzipMemberParts, Segments } from './segments.ts'
import { indexLines, unwrapIndex } from './stored-index.ts'
import { decodeTrailer, TRAILER_SIZE } from './trailer.ts'

/** Bytes from an archive's beginning that are enough for `headerIn`. */
export const HEAD_SIZE = 64 * 1024
const BLOCK = 512

/**
 * What an archive says of itself in its first bytes (`HEAD_SIZE` of them, or all that there are).
 *
 * @returns undefined when it is none of ours
 * @throws invalid when it is one of ours, and damaged or of a version that is not known
 */
export function headerIn(head: Buffer): BackupHeader | undefined {
  const tar = firstOf(head)
  if (!tar || tar.length < BLOCK || tar.toString('latin1', 156, 157) !== 'g') return undefined
  const size = Number.parseInt(tar.toString('latin1', 124, 135), 8)
  if (!Number.isSafeInteger(size) || size > tar.length - BLOCK) return undefined
  return decodeMarker(decodePax(tar.subarray(BLOCK, BLOCK + size)))
}

/** The tar of the first segment. */
function firstOf(head: Buffer): Buffer | undefined {
  const format = formatOf(head)
  if (format === 'tar') return head
  try {
    const [first] = new Segments(format).push(head)
    if (first?.kind !== 'data') return undefined
    if (format === 'zstd') return zstdDecompressSync(first.bytes)
    return inflateRawSync(gzipMemberParts(first.bytes).deflated, { maxOutputLength: first.contentSize + 1 })
  } catch (error) {
    // Somebody else's zstd or gzip.
    if (isKind(error, 'invalid') || (error as { code?: string }).code?.startsWith('Z')) return undefined
    throw error
  }
}

/** An archive that can be read from anywhere. */
export interface StoredArchive {
  /** Bytes. */
  size: number
  /** All of `length` bytes from `offset` on. */
  read(offset: number, length: number): Promise<Buffer>
}

/**
 * The index from an archive's end, for `PackRequest.base`: little is read, however large the archive.
 *
 * @throws invalid when there is none: the archive is none of ours, or not whole
 */
export async function readIndex(archive: StoredArchive): Promise<{ header: BackupHeader; index: Buffer }> {
  const { size } = archive
  const trailer = size < TRAILER_SIZE ? undefined : decodeTrailer(await archive.read(size - TRAILER_SIZE, TRAILER_SIZE))
  if (!trailer) throw invalid('it has no index at its end: it is no backup of berth, or not a whole one')
  const { format, indexOffset, indexLength } = trailer
  if (indexOffset + indexLength + TRAILER_SIZE > size) throw invalid('archive has a damaged end')
  const index = unwrapIndex(format, await archive.read(indexOffset, indexLength))
  const { value: first } = indexLines(index).next()
  if (!first || !('header' in first)) throw invalid('archive has a damaged index: it has no header')
  return { header: first.header, index }
}
