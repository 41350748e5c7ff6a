import { isKind } from '#lib/errors.ts'
import { directoryOf, extentOf, find } from './context.ts'
import type { Context } from './context.ts'
import { stageVolume } from './stage/index.ts'

export const FILLING = '_filling'

/**
 * Fills an empty volume with what the image has at the mount's place, owner and mode of the directory included, unless
 * the volume's options say those. A volume that nobody has open is filled beside its place and put there whole, so that
 * a crash leaves it empty and not half full, which nothing would ever fill again.
 */
export async function copyUp(ctx: Context, name: string, source: string): Promise<void> {
  if ((await fill(ctx, name, source, true)) !== 'as a whole') return
  try {
    await fillWhole(ctx, name, source)
  } catch (error) {
    // Somebody has come to use it, or has filled it.
    if (!isKind(error, 'conflict')) throw error
    await fill(ctx, name, source, false)
  }
}

/** @returns `as a whole` when nothing was done, and the volume is one whose directory another can take the place of */
function fill(ctx: Context, name: string, source: string, mayReplace: boolean): Promise<'done' | 'as a whole'> {
  return ctx.locks.run(name, async () => {
    const volume = find(ctx, name)
    const driver = ctx.drivers.of(volume)
    const data = await driver.attach(volume)
    try {
      if (!(await ctx.files.isEmptyDirectory(data))) return 'done'
      const isFree = (ctx.mounted.get(name)?.size ?? 0) === 0
      if (!isFree || !driver.isPlain(volume)) {
        if (isFree && mayReplace && extentOf(driver, volume) === 'all') return 'as a whole'
        // Another container looks at this very directory, or it is not ours to replace.
        const background = extentOf(driver, volume) !== 'all'
        // On a server, which may die meanwhile, by a thread that nobody else waits for.
        await ctx.files.copyTree(source, data, { background })
        await driver.own?.(volume, data)
        return 'done'
      }
      const filling = `${directoryOf(ctx, name)}/${FILLING}`
      await ctx.files.remove(filling)
      await driver.makePlace?.(filling)
      await ctx.files.copyTree(source, filling)
      await ctx.files.remove(data)
      await ctx.files.rename(filling, data)
      return 'done'
    } finally {
      if (!ctx.mounted.has(name)) await driver.detach(volume)
    }
  })
}

/** As a volume of its own, that takes the place of this one. */
async function fillWhole(ctx: Context, name: string, source: string): Promise<void> {
  const volume = find(ctx, name)
  const staged = await stageVolume(ctx, { ...volume, replace: false })
  try {
    await ctx.files.copyTree(source, staged.path)
    await ctx.drivers.of(volume).own?.(volume, staged.path)
    await staged.commit()
  } catch (error) {
    await staged.abort()
    throw error
  }
}
