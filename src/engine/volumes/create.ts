import { messageOf } from '#lib/errors.ts'
import { rfc3339Nano } from '#lib/clock.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce } from './context.ts'
import type { Context } from './context.ts'
import { driverName, isOf } from './drivers.ts'
import { checkSame } from './same.ts'
import { checkName } from './name.ts'
import type { CreateVolume } from './service.ts'

const NAME_DIGITS = 64

/** What the driver makes comes before the record, so that a record always has something behind it. */
export async function createVolume(ctx: Context, request: CreateVolume): Promise<VolumeRecord> {
  const driver = driverName(request.driver)
  const anonymous = request.name === ''
  const known = ctx.records.get(request.name)
  // Making sure that a volume exists must not need its driver to answer.
  const maker = known && isOf(known, driver) ? ctx.drivers.of(known) : await ctx.drivers.find(driver, request.name)
  const name = anonymous ? ctx.randomHex(NAME_DIGITS) : request.name
  checkName(name)
  maker.check(request.options)
  return ctx.locks.run(name, async () => {
    const existing = ctx.records.get(name)
    if (existing) {
      checkSame(existing, maker.name, request.options)
      return existing
    }
    const labels = anonymous ? { 'com.docker.volume.anonymous': '', ...request.labels } : request.labels
    const made = { name, options: request.options, labels }
    const volume: VolumeRecord = {
      ...made,
      driver: maker.name,
      createdAt: rfc3339Nano(ctx.clock.nowNano()),
      anonymous: request.anonymous ?? anonymous,
      mountpoint: await maker.create(made, { validate: request.validate ?? false }),
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
