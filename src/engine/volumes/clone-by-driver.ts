import { rfc3339Nano } from '#lib/clock.ts'
import { conflict } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce, find } from './context.ts'
import type { Context } from './context.ts'
import type { NewVolume } from './driver.ts'
import { checkName } from './name.ts'

const NAME_DIGITS = 64

/** A copy that the driver makes where the data lies. @returns undefined when the files are to be copied */
export async function cloneByDriver(
  ctx: Context,
  source: VolumeRecord,
  wanted: NewVolume,
): Promise<VolumeRecord | undefined> {
  const driver = ctx.drivers.of(source)
  if (!driver.copyOf) return undefined
  const anonymous = wanted.name === ''
  const name = anonymous ? ctx.randomHex(NAME_DIGITS) : wanted.name
  checkName(name)
  return ctx.locks.run(name, async () => {
    if (ctx.records.get(name))
      throw conflict(`clone ${source.name}: a volume named ${name} exists: choose another name`)
    const target = { ...wanted, name }
    const mountpoint = await ctx.locks.run(source.name, async () => driver.copyOf!(find(ctx, source.name), target))
    if (mountpoint === undefined) return undefined
    const createdAt = rfc3339Nano(ctx.clock.nowNano())
    const volume: VolumeRecord = { ...target, driver: source.driver, createdAt, anonymous, mountpoint }
    ctx.records.put(name, volume)
    announce(ctx, 'create', volume)
    return volume
  })
}
