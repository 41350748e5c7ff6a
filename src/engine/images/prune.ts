import { checkFilters, matchLabels } from '#model/filters.ts'
import { blobsOf } from './catalog.ts'
import { flag } from './list.ts'
import { remove } from './remove.ts'
import { parseTime } from './times.ts'
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
  checkFilters(filters, ['dangling', 'label', 'label!', 'until'])
  const onlyDangling = flag(filters, 'dangling') ?? true
  const until = filters.get('until')?.map(text => parseTime(text, ctx.clock.now()))
  const deleted: ImageDelete[] = []
  let spaceReclaimed = 0
  const isWanted = (image: ImageRecord) =>
    !(onlyDangling && image.tags.length > 0) &&
    !until?.some(limit => Date.parse(image.lastTagTime || image.created) >= limit) &&
    matchLabels(filters, image.config.Labels ?? {}) &&
    ctx.users(image.id).length === 0

  for (const candidate of ctx.catalog.list()) {
    // Asked again at each: an earlier removal may have taken it, a container may have come.
    const image = ctx.catalog.get(candidate.id)
    if (!image || !isWanted(image) || ctx.catalog.children(image.id).length > 0) continue
    const sizes = new Map(image.layers.map(layer => [layer.chainId, layer.size + layer.blobSize]))
    const names = [...image.tags, ...image.digests]
    for (const reference of names.length > 1 ? names : [image.id]) {
      try {
        const step = await remove(ctx, reference, { force: false, noPrune: false })
        deleted.push(...step)
        for (const { Deleted } of step) spaceReclaimed += sizes.get(Deleted ?? '') ?? 0
      } catch (error) {
        // Gone with a name before it, or in use since.
        if (!isKind(error, 'not-found') && !isKind(error, 'conflict')) throw error
      }
    }
  }
  // What aborted pulls left behind.
  const needed = new Set(ctx.catalog.list().flatMap(blobsOf))
  spaceReclaimed += (await ctx.leases.sweeping(() => ctx.content.sweep(needed))) ?? 0
  const attributes = { reclaimed: String(spaceReclaimed) }
  ctx.publish({ Type: 'image', Action: 'prune', Actor: { ID: '', Attributes: attributes } })
  return { deleted, spaceReclaimed }
}
