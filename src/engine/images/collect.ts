import { isKind } from '#lib/errors.ts'
import type { ImagesContext } from './context.ts'
import type { Lease } from './leases.ts'

/** Whether some image, or work under way, needs a blob or layer. */
export const isNeeded = (ctx: ImagesContext, key: string): boolean =>
  ctx.catalog.uses(key) > 0 || ctx.leases.isHeld(key)

/** Deletes those of the blobs that nothing needs. */
export async function collectBlobs(ctx: ImagesContext, digests: Iterable<string>): Promise<void> {
  for (const digest of digests) {
    await ctx.locks.run(`blob:${digest}`, async () => {
      if (!isNeeded(ctx, digest)) await ctx.leases.deleting(digest, () => ctx.content.delete(digest))
    })
  }
}

/**
 * Deletes those of the layers that nothing needs, top first. One on which a container stands stays, and all below it;
 * `collectBelow` finds them when that container goes.
 * @returns those that are gone
 */
export async function collectLayers<T extends { chainId: string }>(
  ctx: ImagesContext,
  topFirst: readonly T[],
): Promise<T[]> {
  const gone: T[] = []
  for (const layer of topFirst) {
    const removed = await ctx.locks.run(`layer:${layer.chainId}`, async () => {
      if (isNeeded(ctx, layer.chainId) || !ctx.snapshots.exists(layer.chainId)) return false
      try {
        await ctx.snapshots.remove(layer.chainId)
        return true
      } catch (error) {
        if (isKind(error, 'conflict')) return false
        throw error
      }
    })
    if (!removed) break
    gone.push(layer)
  }
  return gone
}

/** After a writable snapshot went: the layers under it that its image's removal had to leave. */
export async function collectBelow(ctx: ImagesContext, parent: string | undefined): Promise<void> {
  for (let key = parent; key !== undefined && ctx.snapshots.exists(key) && !isNeeded(ctx, key);) {
    const below = ctx.snapshots.parentOf(key)
    const gone = await collectLayers(ctx, [{ chainId: key }])
    if (gone.length === 0) return
    key = below
  }
}

/**
 * Ends a piece of work: what it made and no image took is deleted. Never throws: the work's own error or result
 * counts, and the sweep finds what is left.
 */
export async function settle(ctx: ImagesContext, lease: Lease, options: { keepBlobs?: boolean } = {}): Promise<void> {
  try {
    const keys = lease.release()
    if (!options.keepBlobs) await collectBlobs(ctx, keys)
    for (const key of keys) await collectBelow(ctx, key)
  } catch (error) {
    ctx.log.warn('unneeded blobs stay until the next sweep', { error })
  }
}
