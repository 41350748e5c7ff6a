import { invalid } from '#lib/errors.ts'
import type { BackupFormat } from '#model/backup.ts'

/** Bytes at the archive's end that say where the index is and vouch for all before them. */
export const TRAILER_SIZE = 512

export interface Trailer {
  format: BackupFormat
  /** Bytes from the archive's beginning. */
  indexOffset: number
  /** Bytes, as stored. */
  indexLength: number
  /** sha256 (hex) of all bytes before the trailer. */
  digest: string
}

const MAGIC = 'BERTHEND'
const VERSION = 1
const PAYLOAD = 64

/** Magic numbers of zstd's skippable frames that we use (RFC 8878, 3.1.2). */
export const SKIPPABLE_INDEX = 0x184d2a5b
export const SKIPPABLE_TRAILER = 0x184d2a5e
/** Subfields of a gzip header's extra field (RFC 1952, 2.3.1.1) that we use. */
export const EXTRA_SIZE = 'Bs'
export const EXTRA_INDEX = 'Bi'
export const EXTRA_TRAILER = 'Be'

/** After an empty gzip member's header: no data, its CRC, its length. */
export const EMPTY_DEFLATE = Buffer.from('03000000000000000000', 'hex')

export function encodeTrailer(trailer: Trailer): Buffer {
  const payload = Buffer.alloc(PAYLOAD)
  payload.write(MAGIC, 0, 'latin1')
  payload.writeUInt32LE(VERSION, 8)
  payload.writeUInt32LE(FORMATS.indexOf(trailer.format), 12)
  payload.writeBigUInt64LE(BigInt(trailer.indexOffset), 16)
  payload.writeBigUInt64LE(BigInt(trailer.indexLength), 24)
  payload.write(trailer.digest, 32, 'hex')
  const start = payloadStart(trailer.format)
  const whole = Buffer.alloc(TRAILER_SIZE)
  payload.copy(whole, start)
  if (trailer.format === 'zstd') {
    whole.writeUInt32LE(SKIPPABLE_TRAILER, 0)
    whole.writeUInt32LE(TRAILER_SIZE - 8, 4)
  } else if (trailer.format === 'gzip') {
    gzipHeader(EXTRA_TRAILER, TRAILER_SIZE - start - EMPTY_DEFLATE.length).copy(whole)
    EMPTY_DEFLATE.copy(whole, TRAILER_SIZE - EMPTY_DEFLATE.length)
  }
  return whole
}

const FORMATS: readonly BackupFormat[] = ['zstd', 'gzip', 'tar']

function payloadStart(format: BackupFormat): number {
  return format === 'zstd' ? 8 : format === 'gzip' ? 16 : 0
}

/** The header of a gzip member with an extra field of one subfield, whose `length` bytes follow. */
export function gzipHeader(subfield: string, length: number): Buffer {
  const header = Buffer.alloc(16)
  header.write('1f8b0804', 0, 'hex')
  // No time; system unknown.
  header[9] = 255
  header.writeUInt16LE(length + 4, 10)
  header.write(subfield, 12, 'latin1')
  header.writeUInt16LE(length, 14)
  return header
}

/**
 * @param end the last `TRAILER_SIZE` bytes of a file
 * @returns undefined when there is no trailer: the archive is none of ours, or not whole
 * @throws invalid when there is one and it is damaged
 */
export function decodeTrailer(end: Buffer): Trailer | undefined {
  if (end.length !== TRAILER_SIZE) return undefined
  const format = FORMATS.find(format => end.toString('latin1', payloadStart(format)).startsWith(MAGIC))
  if (!format) return undefined
  const payload = end.subarray(payloadStart(format), payloadStart(format) + PAYLOAD)
  const version = payload.readUInt32LE(8)
  if (version !== VERSION) throw invalid(`archive has an end of version ${version}, which this berth does not know`)
  const trailer: Trailer = {
    format,
    indexOffset: Number(payload.readBigUInt64LE(16)),
    indexLength: Number(payload.readBigUInt64LE(24)),
    digest: payload.toString('hex', 32, 64),
  }
  const fits = Number.isSafeInteger(trailer.indexOffset) && Number.isSafeInteger(trailer.indexLength)
  if (!fits || !encodeTrailer(trailer).equals(end)) throw invalid('archive has a damaged end')
  return trailer
}
