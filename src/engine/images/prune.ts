import { blobsOf } from './catalog.ts'
import { wanted } from './plan-prune.ts'
import { remove } from './remove.ts'
import { isKind } from '#lib/errors.ts'
import type { Filters } from '#model/filters.ts'
import type { ImageRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { ImageDelete } from './service.ts'

/** Removes images without a name, or with `dangling=false` all that no container was made from. */
export async function prune(
  ctx: ImagesContext,
  filters: Filters,
): Promise<{ deleted: ImageDelete[]; spaceReclaimed: number }> {
  const fits = wanted(ctx, filters)
  const deleted: ImageDelete[] = []
  const { blobs } = await ctx.content.usage()
  const before = ctx.catalog.list()
  const isWanted = (image: ImageRecord) => fits(image) && ctx.users(image.id).length === 0

  for (const candidate of before) {
    // Asked again at each: an earlier removal may have taken it, a container may have come.
    const image = ctx.catalog.get(candidate.id)
    if (!image || !isWanted(image)) continue
    const names = [...image.tags, ...image.digests]
    const isParent = ctx.catalog.children(image.id).length > 0
    if (isParent && names.length === 0) continue
    // A parent loses its names, and goes with the last of its children.
    for (const reference of isParent || names.length > 1 ? names : [image.id]) {
      try {
        deleted.push(...(await remove(ctx, reference, { force: false, noPrune: false })))
      } catch (error) {
        // Gone with a name before it, or in use since.
        if (!isKind(error, 'not-found') && !isKind(error, 'conflict')) throw error
      }
    }
  }
  // What aborted pulls left behind: whoever prunes wants the room now, and not the rest of a download some time.
  const needed = new Set(ctx.catalog.list().flatMap(blobsOf))
  const swept = (await ctx.leases.sweeping(() => ctx.content.sweep(needed, { partial: true }))) ?? 0
  const spaceReclaimed = swept + freed(before, deleted, blobs, needed)
  const attributes = { reclaimed: String(spaceReclaimed) }
  ctx.publish({ Type: 'image', Action: 'prune', Actor: { ID: '', Attributes: attributes } })
  return { deleted, spaceReclaimed }
}

/** Bytes of the layers that were deleted, and of the blobs that no image needs any more. */
function freed(
  before: readonly ImageRecord[],
  deleted: readonly ImageDelete[],
  blobs: ReadonlyMap<string, number>,
  needed: ReadonlySet<string>,
): number {
  const gone = new Set(deleted.map(({ Deleted }) => Deleted))
  const layers = new Map(before.flatMap(image => image.layers.map(({ chainId, size }) => [chainId, size])))
  const lost = new Set(before.filter(image => gone.has(image.id)).flatMap(blobsOf))
  let bytes = 0
  for (const [chainId, size] of layers) if (gone.has(chainId)) bytes += size
  for (const digest of lost) if (!needed.has(digest)) bytes += blobs.get(digest) ?? 0
  return bytes
}
