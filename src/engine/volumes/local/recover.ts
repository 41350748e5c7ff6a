import { messageOf } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { dataOf, directoryOf } from '../context.ts'
import type { Context } from '../context.ts'
import { within } from './deadline.ts'
import type { Images } from './image.ts'
import { parseOptions } from './options.ts'

/** Milliseconds. */
const DEADLINE = 5000

/** Mounts without a volume go, half-made images and snapshots too, and then the loop devices that nothing has mounted. */
export async function recoverMounts(ctx: Context, images: Images, volumes: VolumeRecord[]): Promise<void> {
  const known = new Set(volumes.map(volume => dataOf(ctx, volume.name)))
  // What other drivers have mounted is theirs to take away.
  const others = ctx.records.list().filter(volume => volume.driver !== 'local')
  const theirs = others.map(volume => `${directoryOf(ctx, volume.name)}/`)
  for (const point of ctx.mounts.below(ctx.root)) {
    if (theirs.some(directory => point.startsWith(directory))) continue
    const top = point.split('/').at(-1)!.startsWith('_top-')
    if (!known.has(point) && !top) await guarded(ctx, point, () => unmountInTime(ctx, point))
  }
  for (const { name, options } of volumes) {
    if (parseOptions(options).store) await guarded(ctx, name, () => images.mend(name))
  }
  if (ctx.block) await guarded(ctx, ctx.root, () => ctx.block!.release(ctx.root))
}

/** Nothing says what is mounted there: the start does not wait for its server. */
export async function unmountInTime(ctx: Context, point: string): Promise<void> {
  await within(ctx.clock, DEADLINE, ctx.mounts.unmount(point, { mayHang: true }))
}

async function guarded(ctx: Context, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    ctx.log.warn('what a crash left of a volume could not be given back', { volume: what, error: messageOf(error) })
  }
}
