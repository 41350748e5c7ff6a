import { messageOf } from '#lib/errors.ts'
import { rfc3339Nano } from '#lib/clock.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce } from './context.ts'
import type { Context } from './context.ts'
import { checkSame } from './same.ts'
import type { CreateVolume } from './service.ts'
import { plannedVolume } from './planned.ts'
import { checkUnreserved, settle } from './stage/index.ts'

/** What the driver makes comes before the record, so that a record always has something behind it. */
export async function createVolume(ctx: Context, request: CreateVolume): Promise<VolumeRecord> {
  const { volume: planned, driver } = await plannedVolume(ctx, request)
  const { name } = planned
  return ctx.locks.run(name, async () => {
    if (ctx.unsettled.has(name)) await settle(ctx, name)
    const existing = ctx.records.get(name)
    if (existing) {
      checkSame(existing, planned.driver, request.options)
      return existing
    }
    checkUnreserved(ctx, name)
    const volume: VolumeRecord = {
      ...planned,
      createdAt: rfc3339Nano(ctx.clock.nowNano()),
      mountpoint: await driver.create(planned, { validate: request.validate ?? false }),
    }
    try {
      ctx.records.put(name, volume)
    } catch (error) {
      await withdraw(ctx, volume)
      throw error
    }
    announce(ctx, 'create', volume)
    return volume
  })
}

async function withdraw(ctx: Context, volume: VolumeRecord): Promise<void> {
  try {
    const directory = await ctx.drivers.of(volume).discard(volume)
    if (directory !== undefined) await ctx.files.remove(directory)
  } catch (error) {
    ctx.log.warn('a volume without a record could not be removed', { volume: volume.name, error: messageOf(error) })
  }
}
