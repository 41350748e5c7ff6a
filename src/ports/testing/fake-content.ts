import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { invalid, notFound, unavailable } from '#lib/errors.ts'
import type { Content } from '#ports/content.ts'

/** Blobs in memory, with resumed partials and verification as the real store has them. */
export class FakeContent implements Content {
  readonly blobs = new Map<string, Buffer>()
  readonly partials = new Map<string, Buffer>()

  async has(digest: string): Promise<boolean> {
    return this.blobs.has(digest)
  }

  async size(digest: string): Promise<number> {
    return this.#blob(digest).length
  }

  async open(digest: string, offset = 0): Promise<Readable> {
    const blob = this.#blob(digest).subarray(offset)
    return Readable.from(blob.length === 0 ? [] : [blob])
  }

  async read(digest: string, maxBytes = 16 << 20): Promise<Buffer> {
    const blob = this.#blob(digest)
    if (blob.length > maxBytes)
      throw invalid(`blob ${digest} has ${blob.length} bytes, over the limit of ${maxBytes} bytes`)
    return Buffer.from(blob)
  }

  async ingest(
    source: (offset: number) => Promise<Readable>,
    expected: { digest?: string; size?: number } = {},
    onProgress?: (bytes: number) => void,
  ): Promise<{ digest: string; size: number }> {
    const known = expected.digest ? this.blobs.get(expected.digest) : undefined
    if (expected.digest && known) return { digest: expected.digest, size: known.length }
    let bytes = (expected.digest ? this.partials.get(expected.digest) : undefined) ?? Buffer.alloc(0)
    try {
      for await (const chunk of await source(bytes.length)) {
        bytes = Buffer.concat([bytes, chunk as Buffer])
        onProgress?.(bytes.length)
      }
    } catch (error) {
      if (expected.digest && bytes.length > 0) this.partials.set(expected.digest, bytes)
      throw error
    }
    if (expected.size !== undefined && bytes.length < expected.size) {
      if (expected.digest) this.partials.set(expected.digest, bytes)
      throw unavailable(
        `blob ${expected.digest ?? ''} ended after ${bytes.length} of ${expected.size} bytes: try again`,
      )
    }
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    if (expected.digest) this.partials.delete(expected.digest)
    if (expected.digest && expected.digest !== digest)
      throw invalid(`blob ${expected.digest} arrived as ${digest}: the source is corrupt, try again`)
    if (expected.size !== undefined && expected.size !== bytes.length)
      throw invalid(`blob ${digest} has ${bytes.length} bytes, ${expected.size} were announced`)
    this.blobs.set(digest, bytes)
    return { digest, size: bytes.length }
  }

  async delete(digest: string): Promise<void> {
    this.blobs.delete(digest)
  }

  async list(): Promise<string[]> {
    return Array.from(this.blobs.keys())
  }

  async usage(): Promise<{ blobs: Map<string, number>; partial: number }> {
    const blobs = new Map(Array.from(this.blobs, ([digest, blob]) => [digest, blob.length]))
    return { blobs, partial: Array.from(this.partials.values()).reduce((sum, bytes) => sum + bytes.length, 0) }
  }

  async sweep(referenced?: ReadonlySet<string>, options: { partial?: boolean } = {}): Promise<number> {
    let freed = 0
    for (const [digest, bytes] of options.partial ? Array.from(this.partials) : []) {
      freed += bytes.length
      this.partials.delete(digest)
    }
    for (const [digest, blob] of referenced ? Array.from(this.blobs) : []) {
      if (referenced!.has(digest)) continue
      freed += blob.length
      this.blobs.delete(digest)
    }
    return freed
  }

  #blob(digest: string): Buffer {
    const blob = this.blobs.get(digest)
    if (!blob) throw notFound(`blob ${digest} is not in the content store`)
    return blob
  }
}
