import { conflict, invalid, messageOf } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce, find, usersOf } from './context.ts'
import type { Context } from './context.ts'
import { removeForeign } from './remote/views.ts'
import type { RemoveVolume } from './service.ts'
import { settle } from './stage/index.ts'
import { isKeepable, keepVolume } from './trash/index.ts'
import { usageOf } from './usage.ts'

/** `.trash-NAME-RANDOM`: no volume's name begins with a dot. */
export const TRASH = /^\.trash-(.+)-[0-9a-f]{8}$/

export async function removeVolume(ctx: Context, name: string, options: RemoveVolume): Promise<void> {
  if (!ctx.records.get(name) && ((await removeForeign(ctx, name)) || options.force)) return
  find(ctx, name)
  const trash = await ctx.locks.run(name, async () => {
    // Another removal may have been first.
    if (options.force && !ctx.records.get(name)) return undefined
    const users = usersOf(ctx, name, options.except)
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`)
    const volume = find(ctx, name)
    if (!options.keep) return discard(ctx, volume, options)
    if (!isKeepable(ctx, volume))
      throw invalid(
        `remove ${name}: driver ${volume.driver} keeps nothing in a trash: back it up, or remove it for good`,
      )
    const size = await usageOf(ctx, name).catch(() => 0)
    await keepVolume(ctx, volume, options.keep, size)
    return undefined
  })
  if (trash !== undefined) await ctx.files.remove(trash)
}

/**
 * Takes a volume out of sight; the lock is held and nobody uses it.
 *
 * @returns the directory that has its data, to delete
 */
export async function discard(
  ctx: Context,
  volume: VolumeRecord,
  options: { force: boolean } = { force: false },
): Promise<string | undefined> {
  if (ctx.unsettled.has(volume.name)) await settle(ctx, volume.name)
  const driver = ctx.drivers.of(volume)
  let directory: string | undefined
  try {
    await driver.detach(volume)
    directory = await driver.discard(volume)
  } catch (error) {
    if (!options.force || !driver.forget) throw error
    driver.forget(volume)
    ctx.log.warn('a volume is forgotten that its driver has not removed', {
      volume: volume.name,
      driver: volume.driver,
      error: messageOf(error),
    })
  }
  ctx.records.delete(volume.name)
  ctx.lastUses.delete(volume.name)
  ctx.mounted.delete(volume.name)
  announce(ctx, 'destroy', volume)
  return directory
}
