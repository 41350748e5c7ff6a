import { rfc3339Nano } from '#lib/clock.ts'
import { conflict } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce, find } from './context.ts'
import type { Context } from './context.ts'
import type { NewVolume } from './driver.ts'
import { lockBoth } from './lock-both.ts'
import { plannedVolume } from './planned.ts'

/** A copy that the driver makes where the data lies. @returns undefined when the files are to be copied */
export async function cloneByDriver(
  ctx: Context,
  source: VolumeRecord,
  wanted: NewVolume,
): Promise<VolumeRecord | undefined> {
  const driver = ctx.drivers.of(source)
  if (!driver.copyOf) return undefined
  const { volume: planned } = await plannedVolume(ctx, { ...wanted, driver: source.driver })
  const { name } = planned
  return lockBoth(ctx, name, source.name, async () => {
    if (ctx.records.get(name))
      throw conflict(`clone ${source.name}: a volume named ${name} exists: choose another name`)
    const mountpoint = await driver.copyOf!(find(ctx, source.name), planned)
    if (mountpoint === undefined) return undefined
    const createdAt = rfc3339Nano(ctx.clock.nowNano())
    const volume: VolumeRecord = { ...planned, createdAt, mountpoint }
    ctx.records.put(name, volume)
    announce(ctx, 'create', volume)
    return volume
  })
}
