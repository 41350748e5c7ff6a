import type { VolumeRecord } from '#model/volume.ts'
import type { Context } from './context.ts'
import type { VolumeDriver } from './driver.ts'
import { driverName, isOf } from './drivers.ts'
import { checkName } from './name.ts'
import type { CreateVolume } from './service.ts'

const NAME_DIGITS = 64
const HANDLE_DIGITS = 16

/** What a request asks for, checked; nothing is made yet, so it has neither a time nor a mountpoint. */
export async function plannedVolume(
  ctx: Context,
  request: CreateVolume,
): Promise<{ volume: VolumeRecord; driver: VolumeDriver }> {
  const driver = driverName(request.driver)
  const anonymous = request.name === ''
  const known = ctx.records.get(request.name)
  // Making sure that a volume exists must not need its driver to answer.
  const maker = known && isOf(known, driver) ? ctx.drivers.of(known) : await ctx.drivers.find(driver, request.name)
  const name = anonymous ? ctx.randomHex(NAME_DIGITS) : request.name
  checkName(name)
  maker.check(request.options)
  const labels = anonymous ? { 'com.docker.volume.anonymous': '', ...request.labels } : request.labels
  const volume: VolumeRecord = {
    name,
    driver: maker.name,
    options: request.options,
    labels,
    createdAt: '',
    anonymous: request.anonymous ?? anonymous,
    mountpoint: '',
    ...(maker.usesHandles && { handle: ctx.randomHex(HANDLE_DIGITS) }),
  }
  return { volume, driver: maker }
}
