/** Where a zstd frame ends, and how much it holds (undefined when it does not say). */
export interface FrameEnd {
  end: number
  contentSize: number | undefined
}

export const ZSTD_MAGIC = 0xfd2fb528

/**
 * Walks the blocks of a zstd frame (RFC 8878, 3.1.1) without decompressing them.
 *
 * @param at where the frame begins
 * @returns undefined when it does not end within the bytes, or is none
 */
export function zstdFrameEnd(bytes: Buffer, at: number): FrameEnd | undefined {
  const header = zstdFrameHeader(bytes, at)
  if (!header) return undefined
  let position = at + header.length
  for (;;) {
    if (position + 3 > bytes.length) return undefined
    const block = bytes.readUIntLE(position, 3)
    const type = (block >> 1) & 3
    position += 3 + (type === 1 ? 1 : block >> 3)
    if ((block & 1) === 1) break
  }
  const end = position + (header.checksum ? 4 : 0)
  return end > bytes.length ? undefined : { end, contentSize: header.contentSize }
}

function zstdFrameHeader(
  bytes: Buffer,
  at: number,
): { length: number; contentSize: number | undefined; checksum: boolean } | undefined {
  if (at + 18 > bytes.length && at + 6 > bytes.length) return undefined
  if (bytes.readUInt32LE(at) !== ZSTD_MAGIC) return undefined
  const descriptor = bytes[at + 4]!
  const single = (descriptor & 0x20) !== 0
  const dictionary = [0, 1, 2, 4][descriptor & 3]!
  const sizeFlag = descriptor >> 6
  const sizeLength = sizeFlag === 0 ? (single ? 1 : 0) : [0, 2, 4, 8][sizeFlag]!
  const sizeAt = at + 5 + (single ? 0 : 1) + dictionary
  if (sizeAt + sizeLength > bytes.length) return undefined
  const contentSize =
    sizeLength === 0
      ? undefined
      : sizeLength === 8
        ? Number(bytes.readBigUInt64LE(sizeAt))
        : bytes.readUIntLE(sizeAt, sizeLength) + (sizeLength === 2 ? 256 : 0)
  return { length: sizeAt + sizeLength - at, contentSize, checksum: (descriptor & 4) !== 0 }
}
