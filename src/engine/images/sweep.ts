import { blobsOf } from './catalog.ts'
import { emptyRoot } from './rootfs.ts'
import type { ImagesContext } from './context.ts'

/**
 * Removes blobs and snapshots that no image, no container and no work under way needs.
 * @param roots snapshot keys of the containers
 */
export async function sweep(ctx: ImagesContext, roots: ReadonlySet<string>): Promise<void> {
  const images = ctx.catalog.list()
  const blobs = new Set(images.flatMap(blobsOf))
  const empty = images.filter(image => image.layers.length === 0).map(image => emptyRoot(image.id))
  const layers = images.flatMap(image => image.layers.map(layer => layer.chainId))
  await ctx.leases.sweeping(async () => {
    const freed = await ctx.content.sweep(blobs)
    const freedLayers = await ctx.snapshots.sweep(new Set([...roots, ...layers, ...empty]))
    if (freed + freedLayers > 0) ctx.log.info('unneeded image data removed', { bytes: freed + freedLayers })
  })
}
