import { notFound } from '#lib/errors.ts'
import { collectBelow } from './collect.ts'
import type { ImageRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'

/** Snapshot key of an image's whole file system; undefined for an image without layers. */
export const topLayer = (image: ImageRecord): string | undefined => image.layers.at(-1)?.chainId

/** Writable root filesystem for a container. @throws conflict when the key is taken */
export async function createRootfs(
  ctx: ImagesContext,
  key: string,
  image: ImageRecord,
  options: { ephemeral?: boolean } = {},
): Promise<void> {
  const top = topLayer(image)
  if (top !== undefined && !ctx.snapshots.exists(top)) {
    throw notFound(`image ${image.id} has lost its layer ${top}: load or pull it again`)
  }
  await ctx.snapshots.prepare(key, top, options)
}

export async function removeRootfs(ctx: ImagesContext, key: string): Promise<void> {
  if (!ctx.snapshots.exists(key)) return
  const parent = ctx.snapshots.parentOf(key)
  await ctx.snapshots.remove(key)
  await collectBelow(ctx, parent)
}

/** Snapshot that stands for the root of an image without layers. */
export const emptyRoot = (imageId: string): string => `empty-${imageId.slice(7)}`

/** Read-only root of an image. An image without layers has an empty one of its own. */
export async function mountImage(ctx: ImagesContext, image: ImageRecord): Promise<string> {
  const top = topLayer(image)
  if (top !== undefined) return await ctx.snapshots.mount(top)
  const key = emptyRoot(image.id)
  if (!ctx.snapshots.exists(key)) await ctx.snapshots.prepare(key, undefined)
  return await ctx.snapshots.mount(key)
}
