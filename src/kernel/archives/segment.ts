import { crc32, inflateRaw, zstdDecompress } from 'node:zlib'
import { invalid } from '#lib/errors.ts'
import { gzipMemberParts } from '#codec/backup/index.ts'
import type { Segment } from '#codec/backup/index.ts'

/** Of a segment, on Node's pool. @throws invalid */
export async function decompress(format: 'zstd' | 'gzip', segment: Segment): Promise<Buffer> {
  const size = segment.contentSize
  const options = { chunkSize: Math.max(64, size), maxOutputLength: Math.max(1, size) }
  let content: Buffer
  try {
    content = await new Promise((resolve, reject) => {
      const done = (error: Error | null, result: Buffer) => (error ? reject(error) : resolve(result))
      if (format === 'zstd') zstdDecompress(segment.bytes, options, done)
      else inflateRaw(gzipMemberParts(segment.bytes).deflated, options, done)
    })
  } catch (cause) {
    throw invalid('archive is damaged: it cannot be decompressed', { cause })
  }
  if (content.length !== size) throw invalid('archive is damaged: a part has another length than it says')
  if (format === 'gzip' && crc32(content) !== gzipMemberParts(segment.bytes).crc)
    throw invalid('archive is damaged: a part has a wrong checksum')
  return content
}
