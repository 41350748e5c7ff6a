import { invalid } from '#lib/errors.ts'
import { checkFilters, matchLabels } from '#model/filters.ts'
import type { Filters } from '#model/filters.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { usersOf } from './context.ts'
import type { Context } from './context.ts'
import { isOf } from './drivers.ts'

/** @throws invalid naming the filter */
export function listVolumes(ctx: Context, filters: Filters): VolumeRecord[] {
  const matches = volumeFilter(ctx, filters)
  return ctx.records.list().filter(volume => matches(volume))
}

/** @throws invalid naming the filter */
export function volumeFilter(ctx: Context, filters: Filters): (volume: VolumeRecord) => boolean {
  checkFilters(filters, ['name', 'driver', 'label', 'label!', 'dangling'])
  const names = filters.get('name') ?? []
  const drivers = filters.get('driver') ?? []
  const dangling = booleanFilter(filters, 'dangling')
  return volume =>
    (names.length === 0 || names.some(name => volume.name.includes(name))) &&
    (drivers.length === 0 || drivers.some(driver => isOf(volume, driver))) &&
    matchLabels(filters, volume.labels) &&
    (dangling === undefined || (usersOf(ctx, volume.name).length === 0) === dangling)
}

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

/** @throws invalid when it is neither, or both */
export function booleanFilter(filters: Filters, key: string): boolean | undefined {
  const values = filters.get(key)
  if (!values || values.length === 0) return undefined
  const yes = values.some(value => TRUE.has(value))
  const no = values.some(value => FALSE.has(value))
  if (yes === no || values.some(value => !TRUE.has(value) && !FALSE.has(value)))
    throw invalid(`invalid filter '${key}=[${values.join(' ')}]'`)
  return yes
}
