import { conflict, messageOf } from '#lib/errors.ts'
import { rfc3339Nano } from '#lib/clock.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { changing } from '../accounts.ts'
import { announce, directoryOf } from '../context.ts'
import type { Context } from '../context.ts'
import type { DirectoryChange } from '../changes.ts'
import type { StagedVolume } from '../service.ts'
import { checkEmpty, checkStill } from './checks.ts'
import type { Staging } from './checks.ts'

export const STAGING = /^\.staging-([0-9a-f]+)$/
export const stagingName = (id: string): string => `.staging-${id}`

/**
 * A whole volume beside the others, under a name that none can have; commit renames it, or exchanges the two.
 *
 * @param fill is given it before it is attached
 */
export async function stageDirectory(
  ctx: Context,
  staging: Staging,
  fill: (beside: VolumeRecord) => Promise<void> = async () => {},
): Promise<StagedVolume> {
  const { volume, driver, replaces, overData } = staging
  if (replaces && !overData) await ctx.locks.run(volume.name, () => checkNoData(ctx, staging))
  const id = ctx.randomHex(12)
  const beside: VolumeRecord = { ...volume, name: stagingName(id) }
  const change: DirectoryChange = { kind: 'directory', id, volume, replaces, committing: false }
  ctx.changes.put(id, change)
  const life = { withdrawn: false }
  const abort = () => withdraw(ctx, staging, id, life)
  try {
    beside.mountpoint = await driver.create(beside, { validate: staging.validate })
    await fill(beside)
    const path = await driver.attach(beside)
    return { path, commit: () => commit(ctx, staging, { beside, change, path, life }), abort }
  } catch (error) {
    await abort()
    throw error
  }
}

interface Stage {
  beside: VolumeRecord
  change: DirectoryChange
  path: string
  life: Life
}

/** A stage that is being given up must not be put in place: half of it may be deleted already. */
interface Life {
  withdrawn: boolean
}

async function commit(
  ctx: Context,
  { volume, driver, replaces, overData }: Staging,
  { beside, change, path, life }: Stage,
): Promise<VolumeRecord> {
  if (!ctx.changes.get(change.id)) throw conflict(`replace ${volume.name}: it was given up`)
  await ctx.files.syncFileSystem(path)
  await driver.detach(beside)
  const [from, to] = [directoryOf(ctx, beside.name), directoryOf(ctx, volume.name)]
  return ctx.locks.run(volume.name, async () => {
    const current = ctx.changes.get(change.id)
    if (current?.kind !== 'directory' || life.withdrawn) throw conflict(`replace ${volume.name}: it was given up`)
    if (replaces && current.stale === true)
      throw conflict(`replace ${volume.name}: volume was replaced by another restore or clone meanwhile`)
    checkStill(ctx, volume, replaces)
    if (replaces && !overData) await checkNoData(ctx, { volume, driver })
    if (replaces) await driver.detach(volume)
    const done: VolumeRecord = replaces
      ? volume
      : { ...volume, createdAt: rfc3339Nano(ctx.clock.nowNano()), mountpoint: beside.mountpoint.replace(from, to) }
    // From here a crash is the old volume or the new one: with no `.staging-ID` left, `recover` writes a new one's record.
    ctx.changes.put(change.id, { ...current, volume: done, committing: true })
    changing(ctx, done)
    await (replaces ? ctx.files.exchange(from, to) : ctx.files.rename(from, to))
    try {
      await ctx.files.sync(ctx.root)
      ctx.transaction(() => {
        if (!replaces) ctx.records.put(volume.name, done)
        ctx.changes.delete(change.id)
        outdate(ctx, volume.name)
      })
    } catch (error) {
      const back = replaces ? ctx.files.exchange(from, to) : ctx.files.rename(to, from)
      await back.catch((cause: unknown) => {
        ctx.log.error('a volume could not be put back', { volume: volume.name, error: messageOf(cause) })
      })
      throw error
    }
    announce(ctx, replaces ? 'replace' : 'create', done)
    if (replaces) void removeLater(ctx, from)
    return done
  })
}

/** The others that are under way for this volume: what they would replace is not there any more. */
export function outdate(ctx: Context, name: string): void {
  for (const other of ctx.changes.list()) {
    if (other.kind === 'directory' && other.volume.name === name) ctx.changes.put(other.id, { ...other, stale: true })
  }
}

async function checkNoData(ctx: Context, { volume, driver }: Pick<Staging, 'volume' | 'driver'>): Promise<void> {
  try {
    await checkEmpty(ctx, volume.name, await driver.attach(volume))
  } finally {
    if (!ctx.mounted.has(volume.name)) await driver.detach(volume)
  }
}

/** After a commit there is nothing to withdraw; one that is under way is waited for. */
async function withdraw(ctx: Context, { volume, driver }: Staging, id: string, life: Life): Promise<void> {
  const mine = await ctx.locks.run(volume.name, async () => {
    life.withdrawn = true
    return ctx.changes.get(id) !== undefined
  })
  if (!mine) return
  const beside = { ...volume, name: stagingName(id) }
  await driver.detach(beside)
  await ctx.files.remove(directoryOf(ctx, beside.name))
  ctx.changes.delete(id)
}

async function removeLater(ctx: Context, directory: string): Promise<void> {
  try {
    await ctx.files.remove(directory)
  } catch (error) {
    ctx.log.warn('what a volume had before could not be removed', { directory, error: messageOf(error) })
  }
}
