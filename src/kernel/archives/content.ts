import { ContentDigest, digestOf } from '#codec/backup/index.ts'
import { nextData } from '../ffi/fs.ts'
import { readFully } from './sys.ts'
import type { Stat } from './sys.ts'

/** Stretches of data above which small holes count as data. */
const STRETCHES_MAX = 16 * 1024

export type Stretch = [offset: number, length: number]

/**
 * Where an open file has data; undefined when it has no hole.
 *
 * @param attributes whether it has any: they may take a block, as the maps of large files do, which stat(2) counts too
 */
export function dataOf(fd: number, stat: Stat, attributes: boolean): Stretch[] | undefined {
  const others = (attributes ? 4096 : 0) + (stat.size < 1 << 20 ? 0 : stat.size / 64)
  if (stat.size === 0 || stat.blocks * 512 >= stat.size + others) return undefined
  let data: Stretch[] = []
  for (let at = 0; at < stat.size;) {
    const next = nextData(fd, at)
    if (!next || next.start >= stat.size) break
    // In whole blocks of tar, which no file system's are smaller than.
    const start = next.start - (next.start % 512)
    const end = Math.min(next.end + ((512 - (next.end % 512)) % 512), stat.size)
    data.push([start, end - start])
    at = end
  }
  for (let least = 64 * 1024; data.length > STRETCHES_MAX; least *= 2) data = merged(data, least)
  if (data.length === 1 && data[0]![1] === stat.size) return undefined
  return data
}

/** Holes shorter than `least` become data. */
function merged(data: Stretch[], least: number): Stretch[] {
  const result: Stretch[] = []
  for (const [offset, length] of data) {
    const last = result.at(-1)
    if (last && offset - (last[0] + last[1]) < least) last[1] = offset + length - last[0]
    else result.push([offset, length])
  }
  return result
}

export function holesBetween(data: Stretch[], size: number): Stretch[] {
  const holes: Stretch[] = []
  let at = 0
  for (const [offset, length] of data) {
    if (offset > at) holes.push([at, offset - at])
    at = offset + length
  }
  if (at < size) holes.push([at, size - at])
  return holes
}

/** The other way round. */
export function dataBetween(holes: Stretch[], size: number): Stretch[] {
  return holesBetween(holes, size)
}

/** Milliseconds by which the kernel's clock for files may lag behind. */
const TICK = 50

/**
 * What an incremental backup goes by; undefined for what was changed just now: it may change again without its time
 * becoming another.
 */
export function stampOf(stat: Stat, now = Date.now()): string | undefined {
  const [seconds, nanos] = stat.ctime
  if (seconds * 1000 + nanos / 1e6 > now - TICK) return undefined
  return `${stat.inode} ${seconds}.${nanos}`
}

/** Digest of an open file's content, holes not read. @param buffer for reading */
export function digestFile(
  fd: number,
  stat: Stat,
  buffer: Buffer,
  shown: () => string,
  onBytes: (bytes: number) => void,
): string {
  const data = dataOf(fd, stat, false)
  if (!data && stat.size <= buffer.length) {
    const length = readFully(fd, { buffer, at: 0, length: stat.size }, 0, shown)
    if (length < stat.size) buffer.fill(0, length, stat.size)
    onBytes(length)
    return digestOf(buffer, 0, stat.size)
  }
  const digest = new ContentDigest()
  let position = 0
  for (const [offset, length] of data ?? [[0, stat.size]]) {
    digest.zeros(offset - position)
    for (let left = length; left > 0;) {
      const piece = buffer.subarray(0, Math.min(left, buffer.length))
      const got = readFully(fd, { buffer, at: 0, length: piece.length }, offset + length - left, shown)
      if (got < piece.length) piece.fill(0, got)
      digest.update(piece)
      onBytes(piece.length)
      left -= piece.length
    }
    position = offset + length
  }
  digest.zeros(stat.size - position)
  return digest.finish()
}
