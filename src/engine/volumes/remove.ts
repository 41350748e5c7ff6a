import { conflict } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce, find, usersOf } from './context.ts'
import type { Context } from './context.ts'

/** `.trash-NAME-RANDOM`: no volume's name begins with a dot. */
export const TRASH = /^\.trash-(.+)-[0-9a-f]{8}$/

export async function removeVolume(
  ctx: Context,
  name: string,
  options: { force: boolean; except?: string },
): Promise<void> {
  if (options.force && !ctx.records.get(name)) return
  find(ctx, name)
  const trash = await ctx.locks.run(name, async () => {
    // Another removal may have been first.
    if (options.force && !ctx.records.get(name)) return undefined
    const users = usersOf(ctx, name, options.except)
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`)
    return discard(ctx, find(ctx, name))
  })
  if (trash !== undefined) await ctx.files.remove(trash)
}

/**
 * Takes a volume out of sight; the lock is held and nobody uses it.
 *
 * @returns the directory that has its data, to delete
 */
export async function discard(ctx: Context, volume: VolumeRecord): Promise<string | undefined> {
  const driver = ctx.drivers.of(volume)
  await driver.detach(volume)
  const directory = await driver.discard(volume)
  ctx.records.delete(volume.name)
  ctx.mounted.delete(volume.name)
  announce(ctx, 'destroy', volume)
  return directory
}
