import { messageOf } from '#lib/errors.ts'
import type { Context } from './context.ts'
import type { VolumeSnapshot } from './driver.ts'
import { pinVolume } from './pin.ts'

/** An instant's content, which stays as it is until `release`; undefined when the file system has no snapshots. */
export async function snapshotVolume(ctx: Context, name: string): Promise<VolumeSnapshot | undefined> {
  const pinned = await pinVolume(ctx, name, `snapshot ${ctx.randomHex(4)}`)
  try {
    const { volume } = pinned
    const snapshot = await ctx.locks.run(name, async () => ctx.drivers.of(volume).snapshot?.(volume))
    if (!snapshot) {
      await pinned.release()
      return undefined
    }
    const release = async () => {
      await snapshot.release().catch((error: unknown) => {
        ctx.log.warn('a snapshot could not be removed', { volume: name, error: messageOf(error) })
      })
      await pinned.release()
    }
    return { path: snapshot.path, release }
  } catch (error) {
    await pinned.release()
    throw error
  }
}
