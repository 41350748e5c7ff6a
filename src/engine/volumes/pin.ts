import { messageOf } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { find, mountedBy } from './context.ts'
import type { Context } from './context.ts'
import { settle } from './stage/index.ts'

/** A volume that stays reachable, and cannot be removed, until `release`. */
export interface Pinned {
  volume: VolumeRecord
  path: string
  /** Somebody else had it mounted when it was pinned. */
  inUse: boolean
  release: () => Promise<void>
}

/** @param user for the messages of who would remove it meanwhile: `clone 3f2a` */
export function pinVolume(ctx: Context, name: string, user: string): Promise<Pinned> {
  return ctx.locks.run(name, async () => {
    if (ctx.unsettled.has(name)) await settle(ctx, name)
    const volume = find(ctx, name)
    const inUse = mountedBy(ctx, name).length > 0
    const path = await ctx.drivers.of(volume).attach(volume)
    ctx.mounted.set(name, (ctx.mounted.get(name) ?? new Set()).add(user))
    return { volume, path, inUse, release: () => unpin(ctx, name, user) }
  })
}

function unpin(ctx: Context, name: string, user: string): Promise<void> {
  return ctx.locks.run(name, async () => {
    const users = ctx.mounted.get(name)
    if (!users?.delete(user) || users.size > 0) return
    ctx.mounted.delete(name)
    const volume = ctx.records.get(name)
    if (!volume) return
    await ctx.drivers
      .of(volume)
      .detach(volume)
      .catch((error: unknown) => {
        ctx.log.warn('a volume could not be unmounted', { volume: name, error: messageOf(error) })
      })
  })
}
