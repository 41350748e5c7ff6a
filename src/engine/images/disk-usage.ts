import { blobsOf } from './catalog.ts'
import type { ImagesContext } from './context.ts'
import type { ImagesUsage } from './service.ts'
import type { ImageRecord } from '#model/image.ts'

/**
 * What images take on disk, unpacked layers and blobs, each once. Layers are answered from the records, blobs with a look
 * at each file: no tree is walked.
 */
export async function diskUsage(ctx: ImagesContext): Promise<ImagesUsage> {
  const { blobs, partial } = await ctx.content.usage()
  const images = ctx.catalog.list()
  const parts = images.map(image => partsOf(image, blobs))
  const owners = new Map<string, number>()
  for (const own of parts) for (const key of own.keys()) owners.set(key, (owners.get(key) ?? 0) + 1)
  const all = new Map(parts.flatMap(own => Array.from(own)))
  const users = images.map(image => ctx.users(image.id).length)
  const used = new Set(parts.filter((_, i) => users[i]! > 0).flatMap(own => Array.from(own.keys())))
  // Blobs of no image: of pulls that were given up, whole ones.
  const needed = new Set(images.flatMap(blobsOf))
  const stray = sum(Array.from(blobs).filter(([digest]) => !needed.has(digest)))
  return {
    layersSize: sum(all),
    reclaimable: sum(Array.from(all).filter(([key]) => !used.has(key))),
    partial: partial + stray,
    images: images.map((image, i) => ({
      image,
      size: sum(parts[i]!),
      sharedSize: sum(Array.from(parts[i]!).filter(([key]) => owners.get(key)! > 1)),
      containers: users[i]!,
    })),
  }
}

/** Bytes of everything that an image needs. */
function partsOf(image: ImageRecord, blobs: ReadonlyMap<string, number>): Map<string, number> {
  const parts = new Map<string, number>()
  for (const layer of image.layers) parts.set(`layer ${layer.chainId}`, layer.size)
  for (const digest of blobsOf(image)) parts.set(`blob ${digest}`, blobs.get(digest) ?? 0)
  return parts
}

function sum(entries: Iterable<[string, number]>): number {
  let total = 0
  for (const [, bytes] of entries) total += bytes
  return total
}
