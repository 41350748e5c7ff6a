import { invalid } from '#lib/errors.ts'
import type { BackupFormat } from '#model/backup.ts'
import {
  EMPTY_DEFLATE,
  EXTRA_INDEX,
  EXTRA_SIZE,
  EXTRA_TRAILER,
  gzipHeader,
  SKIPPABLE_INDEX,
  SKIPPABLE_TRAILER,
} from './trailer.ts'
import { ZSTD_MAGIC, zstdFrameEnd } from './zstd-frame.ts'

/** Most bytes of tar in one segment, and most that one takes in the archive. */
const SEGMENT_MAX = 16 << 20

/** A part of a compressed archive that stands for itself; its bytes are all that it takes there. */
export interface Segment {
  kind: 'data' | 'index' | 'trailer'
  bytes: Buffer
  /** Of data: bytes when decompressed. */
  contentSize: number
}

/**
 * Cuts an archive of ours into its segments as it comes: zstd frames, or gzip members that say in their header how long
 * they are. Each can then be decompressed by itself, beside others.
 */
export class Segments {
  readonly #format: 'zstd' | 'gzip'
  #pending: Buffer = Buffer.alloc(0)
  #offset = 0

  constructor(format: 'zstd' | 'gzip') {
    this.#format = format
  }

  /** Bytes that are no whole segment yet. */
  get left(): number {
    return this.#pending.length
  }

  /** @throws invalid when what comes is none of ours */
  push(chunk: Buffer): Segment[] {
    const data = this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk
    const segments: Segment[] = []
    let at = 0
    for (;;) {
      const next = this.#format === 'zstd' ? this.#zstd(data, at) : this.#gzip(data, at)
      if (!next) break
      segments.push({ kind: next.kind, bytes: data.subarray(at, next.end), contentSize: next.contentSize })
      at = next.end
    }
    this.#offset += at
    this.#pending = data.subarray(at)
    if (this.#pending.length > SEGMENT_MAX) throw this.#damaged('part')
    return segments
  }

  #zstd(data: Buffer, at: number): { kind: Segment['kind']; end: number; contentSize: number } | undefined {
    if (data.length - at < 8) return undefined
    const magic = data.readUInt32LE(at)
    if (magic === SKIPPABLE_INDEX || magic === SKIPPABLE_TRAILER) {
      const end = at + 8 + data.readUInt32LE(at + 4)
      if (end - at > SEGMENT_MAX) throw this.#damaged('frame', at)
      return end > data.length
        ? undefined
        : { kind: magic === SKIPPABLE_INDEX ? 'index' : 'trailer', end, contentSize: 0 }
    }
    if (magic !== ZSTD_MAGIC) throw this.#damaged('frame', at)
    const end = zstdFrameEnd(data, at)
    if (!end) return undefined
    if (end.contentSize === undefined || end.contentSize > SEGMENT_MAX) throw this.#damaged('frame', at)
    return { kind: 'data', end: end.end, contentSize: end.contentSize }
  }

  #gzip(data: Buffer, at: number): { kind: Segment['kind']; end: number; contentSize: number } | undefined {
    if (data.length - at < 20) return undefined
    const subfield = data.toString('latin1', at + 12, at + 14)
    const length = data.readUInt16LE(at + 14)
    if (!gzipHeader(subfield, length).equals(data.subarray(at, at + 16))) throw this.#damaged('member', at)
    if (subfield === EXTRA_SIZE && length === 4) {
      const size = data.readUInt32LE(at + 16)
      if (size < 30 || size > SEGMENT_MAX) throw this.#damaged('member', at)
      const end = at + size
      if (end > data.length) return undefined
      const contentSize = data.readUInt32LE(end - 4)
      if (contentSize > SEGMENT_MAX) throw this.#damaged('member', at)
      return { kind: 'data', end, contentSize }
    }
    if (subfield !== EXTRA_INDEX && subfield !== EXTRA_TRAILER) throw this.#damaged('member', at)
    const end = at + 16 + length + EMPTY_DEFLATE.length
    return end > data.length ? undefined : { kind: subfield === EXTRA_INDEX ? 'index' : 'trailer', end, contentSize: 0 }
  }

  #damaged(what: string, at = 0): Error {
    return invalid(`archive is damaged: the ${what} at byte ${this.#offset + at} is not as it was written`)
  }
}

/** Bytes of a gzip member around its deflated data. */
const GZIP_AROUND = 16 + 4 + 8

/** @param deflated raw; @param crc of `size` bytes that it holds */
export function gzipMember(deflated: Buffer, crc: number, size: number): Buffer {
  const length = deflated.length + GZIP_AROUND
  const member = Buffer.allocUnsafeSlow(length)
  gzipHeader(EXTRA_SIZE, 4).copy(member)
  member.writeUInt32LE(length, 16)
  deflated.copy(member, 20)
  member.writeUInt32LE(crc, length - 8)
  member.writeUInt32LE(size, length - 4)
  return member
}

/** The deflated data of a member, and the CRC that its content must have. */
export function gzipMemberParts(member: Buffer): { deflated: Buffer; crc: number } {
  return { deflated: member.subarray(20, -8), crc: member.readUInt32LE(member.length - 8) }
}

/** Told by the first bytes. */
export function formatOf(head: Buffer): BackupFormat {
  if (head.length >= 2 && head.readUInt16BE(0) === 0x1f8b) return 'gzip'
  if (head.length >= 4) {
    const magic = head.readUInt32LE(0)
    if (magic === ZSTD_MAGIC || (magic & 0xfffffff0) >>> 0 === 0x184d2a50) return 'zstd'
  }
  return 'tar'
}
