import { notFound, messageOf } from '#lib/errors.ts'
import type { Filters } from '#model/filters.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce } from '../context.ts'
import type { Context } from '../context.ts'
import { volumeFilter } from '../list.ts'
import type { VolumeView } from '../service.ts'
import type { ForeignVolume } from './listing.ts'

/** Milliseconds that `inspect` waits for what a driver may say besides. */
const STATUS = 2500

/** Records, and what plugins have besides, within about a second. */
export async function viewVolumes(
  ctx: Context,
  filters: Filters,
): Promise<{ volumes: VolumeView[]; warnings: string[] }> {
  const matches = volumeFilter(ctx, filters)
  const foreign = await ctx.drivers.foreign()
  const records = ctx.records.list()
  const known = new Set(records.map(volume => volume.name))
  const others = foreign.volumes
    .filter(volume => !known.has(volume.name))
    .map(volume => recordOf(volume))
    .filter(volume => matches(volume))
  return {
    volumes: [...records.filter(volume => matches(volume)), ...others].map(volume => ({
      volume,
      scope: ctx.drivers.of(volume).scope,
    })),
    warnings: foreign.warnings,
  }
}

/** @throws not-found in Docker's words */
export async function viewVolume(ctx: Context, name: string): Promise<VolumeView> {
  const volume = ctx.records.get(name)
  if (!volume) {
    const foreign = await ctx.drivers.foreignNamed(name)
    if (!foreign) throw notFound(`get ${name}: no such volume`)
    const record = recordOf(foreign)
    return { volume: record, scope: ctx.drivers.of(record).scope, ...(foreign.status && { status: foreign.status }) }
  }
  const driver = ctx.drivers.of(volume)
  const status = await said(ctx, volume, driver.status?.(volume))
  return { volume, scope: driver.scope, ...(status && { status }) }
}

async function said<T>(ctx: Context, volume: VolumeRecord, asked: Promise<T> | undefined): Promise<T | undefined> {
  if (!asked) return undefined
  const stop = new AbortController()
  const late = ctx.clock.sleep(STATUS, stop.signal).then(
    () => undefined,
    () => undefined,
  )
  const answered = asked.catch((error: unknown) => {
    ctx.log.debug('a driver does not say how a volume is', { volume: volume.name, error: messageOf(error) })
    return undefined
  })
  const first = await Promise.race([answered, late])
  stop.abort(new Error('answered'))
  return first
}

function recordOf({ name, driver, mountpoint, createdAt }: ForeignVolume): VolumeRecord {
  return { name, driver, mountpoint, createdAt, labels: {}, options: {}, anonymous: false }
}

/** Removes a volume that only a plugin knows of. @returns whether there is one */
export async function removeForeign(ctx: Context, name: string): Promise<boolean> {
  const foreign = await ctx.drivers.foreignNamed(name)
  if (!foreign) return false
  const record = recordOf(foreign)
  await ctx.locks.run(name, async () => {
    // Taken over meanwhile.
    if (ctx.records.get(name)) return
    await ctx.drivers.of(record).discard(record)
    announce(ctx, 'destroy', record)
  })
  return true
}
