import { notFound } from '#lib/errors.ts'
import { rfc3339Nano } from '#lib/clock.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce, dataOf, directoryOf } from './context.ts'
import type { Context } from './context.ts'
import { checkName } from './name.ts'
import { checkSame, parseOptions } from './options.ts'
import type { CreateVolume } from './service.ts'

const NAME_DIGITS = 64

/** The directory comes before the record: a crash between leaves an empty directory, which `recover` removes. */
export async function createVolume(ctx: Context, request: CreateVolume): Promise<VolumeRecord> {
  const driver = request.driver === '' || request.driver === 'default' ? 'local' : request.driver
  if (driver !== 'local') {
    const prefix = request.name === '' ? 'create' : `create ${request.name}`
    throw notFound(`${prefix}: error looking up volume plugin ${driver}: plugin "${driver}" not found`)
  }
  const anonymous = request.name === ''
  const name = anonymous ? ctx.randomHex(NAME_DIGITS) : request.name
  checkName(name)
  const { owner, mode, device } = parseOptions(request.options)
  return ctx.locks.run(name, async () => {
    const existing = ctx.records.get(name)
    if (existing) {
      checkSame(existing, driver, request.options)
      return existing
    }
    await ctx.files.makeDirectory(directoryOf(ctx, name), { mode: 0o701 })
    await ctx.files.makeDirectory(dataOf(ctx, name), { mode: device ? 0o755 : (mode ?? 0o755), ...owner })
    const volume: VolumeRecord = {
      name,
      driver,
      createdAt: rfc3339Nano(ctx.clock.nowNano()),
      labels: anonymous ? { 'com.docker.volume.anonymous': '', ...request.labels } : request.labels,
      options: request.options,
      anonymous: request.anonymous ?? anonymous,
      mountpoint: dataOf(ctx, name),
    }
    try {
      ctx.records.put(name, volume)
    } catch (error) {
      await ctx.files.remove(directoryOf(ctx, name))
      throw error
    }
    announce(ctx, 'create', volume)
    return volume
  })
}
