import { rfc3339Nano } from '#lib/clock.ts'
import { messageOf } from '#lib/errors.ts'
import { changing } from './accounts.ts'
import { announce, find } from './context.ts'
import type { Context } from './context.ts'
import { settle } from './stage/index.ts'

/** One more user: the first one's call mounts a device, a share or a bind. */
export function mountVolume(ctx: Context, name: string, userId: string): Promise<string> {
  return ctx.locks.run(name, async () => {
    if (ctx.unsettled.has(name)) await settle(ctx, name)
    const volume = find(ctx, name)
    changing(ctx, volume)
    const directory = await ctx.drivers.of(volume).attach(volume)
    const users = ctx.mounted.get(name) ?? new Set()
    ctx.mounted.set(name, users.add(userId))
    announce(ctx, 'mount', volume, { container: userId })
    return directory
  })
}

/** One user less: the last one's call unmounts. Neither volume nor user need exist. */
export async function unmountVolume(ctx: Context, name: string, userId: string): Promise<void> {
  // Who is no user does not wait for the volume, whose server may be silent: a daemon that starts cleans up after everybody.
  if (ctx.mounted.get(name)?.has(userId) !== true) return
  await ctx.locks.run(name, async () => {
    const users = ctx.mounted.get(name)
    if (!users?.delete(userId)) return
    if (users.size === 0) ctx.mounted.delete(name)
    const volume = ctx.records.get(name)
    if (!volume) return
    if (users.size === 0) {
      await ctx.drivers.of(volume).detach(volume)
      noteUse(ctx, name)
    }
    announce(ctx, 'unmount', volume, { container: userId })
  })
}

/** For the words of a prune: a full disk must not keep a container from stopping for it. */
function noteUse(ctx: Context, name: string): void {
  try {
    ctx.lastUses.put(name, rfc3339Nano(ctx.clock.nowNano()))
  } catch (error) {
    ctx.log.debug('the last use of a volume could not be noted', { volume: name, error: messageOf(error) })
  }
}
