import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { BLOCK } from '#codec/tar/entry.ts'
import type { BackupFormat } from '#model/backup.ts'
import { damaged, decodeLine, encodeLine } from './lines.ts'
import type { IndexLine } from './lines.ts'
import { EMPTY_DEFLATE, EXTRA_INDEX, gzipHeader, SKIPPABLE_INDEX } from './trailer.ts'
import { zstdFrameEnd } from './zstd-frame.ts'

/** Bytes of lines from which on a frame of them is written. */
const FRAME = 512 * 1024
/** Most bytes that a frame may hold: a longest line (paths, attributes, a map of holes) above the former. */
const FRAME_MAX = 64 << 20
/** Most that an index can be larger than its stored form: more is no index. */
const RATIO_MAX = 1000

/** Collects lines, compressed as they come: an index has some 250 bytes for a file, stored as 60. */
export class IndexWriter {
  readonly #frames: Buffer[] = []
  #lines: string[] = []
  #length = 0

  add(line: IndexLine): void {
    const text = encodeLine(line)
    this.#lines.push(text)
    this.#length += text.length
    if (this.#length >= FRAME) this.#flush()
  }

  /** @returns zstd frames of whole lines */
  finish(): Buffer {
    this.#flush()
    return Buffer.concat(this.#frames)
  }

  #flush(): void {
    if (this.#length === 0) return
    // ByteStrings are stored as what they are: a byte a character.
    const lines = Buffer.from(this.#lines.join(''))
    const params = { [constants.ZSTD_c_compressionLevel]: 1 }
    this.#frames.push(
      zstdCompressSync(lines, {
        params,
        pledgedSrcSize: lines.length,
        chunkSize: lines.length + (lines.length >> 6) + 1024,
      }),
    )
    this.#lines = []
    this.#length = 0
  }
}

/** Most bytes of a gzip member's extra field: the standard has room for 64 KiB, busybox's reader for 32. */
const EXTRA_MAX = 16 * 1024
const SKIPPABLE_MAX = 4 << 20

/** The index as it lies in the archive, where decompressors and tar pass over it. */
export function wrapIndex(format: BackupFormat, index: Buffer): Buffer {
  if (format === 'tar') return Buffer.concat([index, Buffer.alloc((BLOCK - (index.length % BLOCK)) % BLOCK)])
  const parts: Buffer[] = []
  const most = format === 'gzip' ? EXTRA_MAX : SKIPPABLE_MAX
  for (let at = 0; at < index.length; at += most) {
    const part = index.subarray(at, at + most)
    if (format === 'gzip') parts.push(gzipHeader(EXTRA_INDEX, part.length), part, EMPTY_DEFLATE)
    else {
      const header = Buffer.alloc(8)
      header.writeUInt32LE(SKIPPABLE_INDEX, 0)
      header.writeUInt32LE(part.length, 4)
      parts.push(header, part)
    }
  }
  return Buffer.concat(parts)
}

/** @throws invalid when `stored` is not what `wrapIndex` gave */
export function unwrapIndex(format: BackupFormat, stored: Buffer): Buffer {
  if (format === 'tar') return stored
  const parts: Buffer[] = []
  for (let at = 0; at < stored.length;) {
    const header = stored.subarray(at, at + (format === 'gzip' ? 16 : 8))
    if (header.length < (format === 'gzip' ? 16 : 8)) throw damaged('it is cut short')
    const length = format === 'gzip' ? header.readUInt16LE(14) : header.readUInt32LE(4)
    const part = stored.subarray(at + header.length, at + header.length + length)
    const rest = format === 'gzip' ? EMPTY_DEFLATE.length : 0
    if (!wrapIndex(format, part).equals(stored.subarray(at, at + header.length + length + rest)) || length === 0)
      throw damaged('a part of it is not as it was written')
    parts.push(part)
    at += header.length + length + rest
  }
  return Buffer.concat(parts)
}

/**
 * The lines of an index, frame by frame.
 *
 * @param index as `IndexWriter` gives it, maybe with zeros after it
 * @throws invalid when it is damaged, or larger than one can be
 */
export function* indexLines(index: Buffer): Generator<IndexLine, void> {
  let total = 0
  for (let at = 0; at < index.length;) {
    if (index[at] === 0) {
      if (index.subarray(at).some(byte => byte !== 0)) throw damaged('something follows it')
      return
    }
    const end = zstdFrameEnd(index, at)
    if (!end || end.contentSize === undefined) throw damaged('it is cut short')
    total += end.contentSize
    if (end.contentSize > FRAME_MAX || total > RATIO_MAX * index.length) throw damaged('it is larger than one can be')
    for (const line of frameLines(index.subarray(at, end.end), end.contentSize)) yield decodeLine(line)
    at = end.end
  }
}

function* frameLines(frame: Buffer, size: number): Generator<string, void> {
  let text: string
  try {
    text = zstdDecompressSync(frame, { maxOutputLength: size, chunkSize: Math.max(64, size) }).toString()
  } catch (cause) {
    throw damaged('it cannot be decompressed', cause)
  }
  let at = 0
  while (at < text.length) {
    const end = text.indexOf('\n', at)
    if (end < 0) throw damaged('a line is cut short')
    yield text.slice(at, end)
    at = end + 1
  }
}
