import { directoryOf, find } from './context.ts'
import type { Context } from './context.ts'

export const FILLING = '_filling'

/**
 * Fills an empty volume with what the image has at the mount's place, owner and mode of the directory included. A
 * volume that nobody has open is filled beside its place and put there whole, so that a crash leaves it empty and not
 * half full, which nothing would ever fill again.
 */
export function copyUp(ctx: Context, name: string, source: string): Promise<void> {
  return ctx.locks.run(name, async () => {
    const volume = find(ctx, name)
    const driver = ctx.drivers.of(volume)
    const data = await driver.attach(volume)
    try {
      if (!(await ctx.files.isEmptyDirectory(data))) return
      if (!driver.isPlain(volume) || (ctx.mounted.get(name)?.size ?? 0) > 0) {
        // Another container looks at this very directory, or it is not ours to replace.
        await ctx.files.copyTree(source, data)
        return
      }
      const filling = `${directoryOf(ctx, name)}/${FILLING}`
      await ctx.files.remove(filling)
      await driver.makePlace?.(filling)
      await ctx.files.copyTree(source, filling)
      await ctx.files.remove(data)
      await ctx.files.rename(filling, data)
    } finally {
      if (!ctx.mounted.has(name)) await driver.detach(volume)
    }
  })
}
