import { posix } from 'node:path'
import { Readable, pipeline } from 'node:stream'
import { extract } from 'tar-stream'
import { BerthError, invalid } from '#lib/errors.ts'
import { decompressed, readAll } from './streams.ts'
import type { ImagesContext } from './context.ts'
import type { Lease } from './leases.ts'

/** An archive whose files are in the content store. Paths are relative and normalized. */
export interface Spooled {
  blobs: ReadonlyMap<string, { digest: string; size: number }>
  /** Symbolic and hard links: older archives store a repeated layer once. */
  links: ReadonlyMap<string, string>
  /** The small files at the top: `manifest.json`, `index.json`, `oci-layout`. */
  documents: ReadonlyMap<string, Buffer>
}

const DOCUMENTS = new Set(['manifest.json', 'index.json', 'oci-layout', 'repositories'])
const DOCUMENT_LIMIT = 16 << 20

/**
 * Takes an archive in whatever order it comes (`manifest.json` is often last): every file becomes a blob, what turns
 * out unneeded is deleted by the caller through its lease.
 */
export async function spool(ctx: ImagesContext, tar: Readable, lease: Lease): Promise<Spooled> {
  const blobs = new Map<string, { digest: string; size: number }>()
  const links = new Map<string, string>()
  const documents = new Map<string, Buffer>()
  const entries = extract()
  pipeline(await decompressed(tar, 'image archive', ctx.decompress), entries, () => {})
  try {
    for await (const entry of entries) {
      const { name, type, linkname } = entry.header
      const path = normalize(name)
      const content = Readable.from(entry, { objectMode: false })
      if (type === 'file' && DOCUMENTS.has(path)) documents.set(path, await readAll(content, DOCUMENT_LIMIT, path))
      else if (type === 'file') {
        const blob = await ctx.content.ingest(async () => content)
        lease.hold(blob.digest)
        blobs.set(path, blob)
      } else {
        if (type === 'symlink') links.set(path, normalize(posix.join(posix.dirname(path), linkname ?? '')))
        if (type === 'link') links.set(path, normalize(linkname ?? ''))
        content.resume()
      }
    }
  } catch (cause) {
    if (cause instanceof BerthError) throw cause
    throw invalid('image archive is cut short or is not a tar', { cause })
  }
  return { blobs, links, documents }
}

export const normalize = (path: string): string => posix.normalize(`/${path}`).slice(1)

/** A file of the archive by path, links followed. */
export function lookUp(spooled: Spooled, path: string): { digest: string; size: number } | undefined {
  let at = normalize(path)
  for (let hops = 0; hops < 16; hops++) {
    const blob = spooled.blobs.get(at)
    if (blob) return blob
    const next = spooled.links.get(at)
    if (next === undefined) return undefined
    at = next
  }
  return undefined
}
