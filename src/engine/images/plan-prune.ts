import { checkFilters, matchLabels } from '#model/filters.ts'
import { blobsOf } from './catalog.ts'
import { flag } from './list.ts'
import { parseTime } from './times.ts'
import type { Filters } from '#model/filters.ts'
import type { ImageRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { PlannedImage } from './service.ts'

/** Whether a prune with these filters wants an image, its users and children apart. @throws invalid naming the filter */
export function wanted(ctx: ImagesContext, filters: Filters): (image: ImageRecord) => boolean {
  checkFilters(filters, ['dangling', 'label', 'label!', 'until'])
  const onlyDangling = flag(filters, 'dangling') ?? true
  const until = filters.get('until')?.map(text => parseTime(text, ctx.clock.now()))
  return image =>
    !(onlyDangling && image.tags.length > 0) &&
    !until?.some(limit => Date.parse(image.lastTagTime || image.created) >= limit) &&
    matchLabels(filters, image.config.Labels ?? {})
}

/**
 * What `prune` would remove, with the bytes that each removal gives back.
 *
 * @param without containers that are counted as gone
 */
export async function planPrune(
  ctx: ImagesContext,
  filters: Filters,
  without: ReadonlySet<string>,
): Promise<{ images: PlannedImage[]; partial: number }> {
  const isWanted = wanted(ctx, filters)
  const { blobs, partial } = await ctx.content.usage()
  const left = new Map(ctx.catalog.list().map(image => [image.id, image]))
  const unused = (image: ImageRecord) => ctx.users(image.id).every(({ id }) => without.has(id))
  const childless = (image: ImageRecord) => ctx.catalog.children(image.id).every(child => !left.has(child))
  const images: PlannedImage[] = []
  const nameless = new Set<string>()
  const isNameless = (image: ImageRecord) => nameless.has(image.id) || image.tags.length + image.digests.length === 0
  const take = (image: ImageRecord): void => {
    left.delete(image.id)
    images.push({ image, size: freed(image, left, blobs) })
    // Nameless parents go with their last child, as in `remove`.
    const parent = left.get(image.parent)
    if (parent && isNameless(parent) && unused(parent) && childless(parent)) take(parent)
  }
  for (const image of Array.from(left.values())) {
    if (!left.has(image.id) || !isWanted(image) || !unused(image)) continue
    if (childless(image)) take(image)
    else nameless.add(image.id)
  }
  // Those that only lose their names.
  for (const id of nameless) {
    const image = left.get(id)
    if (image && image.tags.length + image.digests.length > 0) images.push({ image, size: 0 })
  }
  const needed = new Set(ctx.catalog.list().flatMap(blobsOf))
  let stray = 0
  for (const [digest, bytes] of blobs) if (!needed.has(digest)) stray += bytes
  return { images, partial: partial + stray }
}

/** Bytes of an image's parts that no other image has. */
function freed(
  image: ImageRecord,
  others: ReadonlyMap<string, ImageRecord>,
  blobs: ReadonlyMap<string, number>,
): number {
  const kept = new Set<string>()
  for (const other of others.values()) {
    for (const key of [...blobsOf(other), ...other.layers.map(layer => `layer ${layer.chainId}`)]) kept.add(key)
  }
  let bytes = 0
  for (const digest of blobsOf(image)) if (!kept.has(digest)) bytes += blobs.get(digest) ?? 0
  for (const layer of image.layers) if (!kept.has(`layer ${layer.chainId}`)) bytes += layer.size
  return bytes
}
