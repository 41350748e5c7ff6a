import type { ContainerRecord } from '#model/container.ts'
import { isAlive } from '#model/container-state.ts'
import type { Context } from './context.ts'

/**
 * Mounts a container's root for a reader and returns it with its release. A run that ends or begins meanwhile leaves
 * the mount alone while there are readers; the last one unmounts it if nothing runs.
 */
export async function acquireRootfs(
  ctx: Context,
  record: ContainerRecord,
): Promise<{ root: string; release: () => Promise<void> }> {
  const { id, snapshotKey } = record
  const live = ctx.live.of(id)
  const root = await ctx.locks.run(id, async () => {
    ctx.records.find(id)
    live.rootUsers++
    try {
      return await ctx.images.mountRootfs(snapshotKey)
    } catch (error) {
      live.rootUsers--
      throw error
    }
  })
  let released = false
  const release = async () => {
    if (released) return
    released = true
    await ctx.locks.run(id, async () => {
      live.rootUsers--
      const state = ctx.records.get(id)?.state
      if (!state || live.rootUsers > 0 || isAlive(state)) return
      await ctx.images.unmountRootfs(snapshotKey)
    })
  }
  return { root, release }
}
