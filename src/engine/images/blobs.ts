import { Readable } from 'node:stream'
import { sha256 } from '#codec/oci/config.ts'
import type { ImagesContext } from './context.ts'
import type { Lease } from './leases.ts'

/** Puts a document of ours among the blobs. @returns its digest */
export async function storeBytes(ctx: ImagesContext, bytes: Buffer, lease: Lease): Promise<string> {
  const digest = sha256(bytes)
  lease.hold(digest)
  await ctx.locks.run(`blob:${digest}`, async () => {
    if (!(await ctx.content.has(digest))) await ctx.content.ingest(async () => Readable.from([bytes]), { digest })
  })
  return digest
}
