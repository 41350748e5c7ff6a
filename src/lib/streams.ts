import { pipeline, type Readable } from 'node:stream'

/** Both fail when one does. */
export function through<T extends NodeJS.ReadWriteStream & Readable>(source: Readable, transform: T): T {
  pipeline(source, transform, () => {})
  return transform
}

/** All of the first `length` bytes, or what there is; the stream is ended. */
export async function firstBytes(source: Readable, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let have = 0
  for await (const chunk of source as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    have += chunk.length
    if (have >= length) break
  }
  return Buffer.concat(chunks).subarray(0, length)
}
