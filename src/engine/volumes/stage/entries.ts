import { rfc3339Nano } from '#lib/clock.ts'
import { conflict, messageOf } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce, directoryOf } from '../context.ts'
import type { Context } from '../context.ts'
import type { EntriesChange } from '../changes.ts'
import type { StagedVolume } from '../service.ts'
import { checkEmpty, checkStill, NO_DATA } from './checks.ts'
import type { Staging } from './checks.ts'
import { stagingName } from './directory.ts'

const hiddenName = (id: string): string => `.berth-staging-${id}`
/** A directory that keeps the times of the root, which the hidden directory's coming and going changes. */
const timesOf = (ctx: Context, id: string): string => directoryOf(ctx, stagingName(id))

/**
 * Where the data is in a file system that is not ours to exchange (a share, a device, a plugin's), the new content is
 * written into a hidden directory in it. Commit moves the old entries into `old` (`saving`), the new ones in their
 * place (`placing`), and clears the rest away (`clearing`). Each step is persisted before it begins and can be repeated,
 * so a crash ends with the new content. Only an error of a step goes back: `unplacing`, `restoring`.
 */
export async function stageEntries(ctx: Context, staging: Staging): Promise<StagedVolume> {
  const { volume, driver, replaces, overData, validate } = staging
  const { name } = volume
  const id = ctx.randomHex(12)
  const pin = `staging ${id}`
  return ctx.locks.run(name, async () => {
    checkStill(ctx, volume, replaces)
    const put = (change: EntriesChange) => {
      ctx.changes.put(id, change)
      return change
    }
    let change = put({ kind: 'entries', id, volume, replaces, wasEmpty: false, step: 'open' })
    if (!replaces) ctx.reserved.add(name)
    const abort = () => giveBack(ctx, id, pin)
    try {
      const mountpoint = replaces ? volume.mountpoint : await driver.create(volume, { validate })
      const root = await driver.attach(volume)
      if (replaces) ctx.mounted.set(name, (ctx.mounted.get(name) ?? new Set()).add(pin))
      const wasEmpty = await ctx.files.isEmptyDirectory(root)
      if (!overData) await checkEmpty(ctx, name, root)
      change = put({ ...change, volume: { ...volume, mountpoint }, wasEmpty })
      await ctx.files.makeDirectory(timesOf(ctx, id))
      await ctx.files.copyTimes(root, timesOf(ctx, id))
      const path = `${root}/${hiddenName(id)}/new`
      await ctx.files.makeDirectory(path)
      const commit = async () => {
        await ctx.files.syncFileSystem(root)
        return ctx.locks.run(name, async () => {
          if (!ctx.changes.get(id)) throw conflict(`replace ${name}: it was given up`)
          checkStill(ctx, volume, replaces, pin)
          if (!overData) await checkEmpty(ctx, name, root, [hiddenName(id)])
          return replace(ctx, root, { ...change, step: 'saving' }, pin)
        })
      }
      return { path, commit, abort: () => ctx.locks.run(name, abort) }
    } catch (error) {
      await abort()
      throw error
    }
  })
}

async function replace(ctx: Context, root: string, change: EntriesChange, pin: string): Promise<VolumeRecord> {
  const createdAt = change.replaces ? change.volume.createdAt : rfc3339Nano(ctx.clock.nowNano())
  const volume = { ...change.volume, createdAt }
  try {
    await forward(ctx, root, { ...change, volume })
  } catch (error) {
    const now = ctx.changes.get(change.id)
    // When all that is left is to clear away, it has succeeded.
    if (now?.kind !== 'entries' || now.step !== 'clearing') {
      await back(ctx, root, now?.kind === 'entries' ? now : change).catch((cause: unknown) => {
        ctx.unsettled.add(volume.name)
        ctx.log.error('a volume could not be put back', { volume: volume.name, error: messageOf(cause) })
      })
      throw error
    }
    ctx.log.warn('what a volume had before could not be removed', { volume: volume.name, error: messageOf(error) })
  }
  await letGo(ctx, volume, pin)
  announce(ctx, change.replaces ? 'replace' : 'create', volume)
  return volume
}

/** To the new content, from wherever it stands; the lock is held and the volume attached at `root`. */
async function forward(ctx: Context, root: string, begun: EntriesChange): Promise<void> {
  const hidden = `${root}/${hiddenName(begun.id)}`
  const advance = (change: EntriesChange) => {
    ctx.changes.put(change.id, change)
    return change
  }
  let change = begun
  if (change.step === 'saving') {
    advance(change)
    for (const [from, to] of [
      [root, 'old'],
      [root, 'old-looks'],
      [`${hidden}/new`, 'new-looks'],
    ] as const) {
      await ctx.files.makeDirectory(`${hidden}/${to}`)
      // Moving entries changes a directory's times, so its looks are kept apart.
      await ctx.files.copyAttributes(from, `${hidden}/${to}`)
    }
    await ctx.files.moveEntries(root, `${hidden}/old`, [...NO_DATA, hiddenName(change.id)])
    change = advance({ ...change, step: 'placing' })
  }
  if (change.step === 'placing') {
    await ctx.files.moveEntries(`${hidden}/new`, root, [])
    await ctx.files.copyAttributes(`${hidden}/new-looks`, root)
    if (await ctx.files.stat(timesOf(ctx, change.id)))
      await ctx.files.copyTimes(`${hidden}/new-looks`, timesOf(ctx, change.id))
    await ctx.files.sync(root)
    const { volume, replaces } = change
    const clearing: EntriesChange = { ...change, step: 'clearing' }
    ctx.transaction(() => {
      if (!replaces) ctx.records.put(volume.name, volume)
      ctx.changes.put(clearing.id, clearing)
    })
    change = clearing
  }
  await clear(ctx, root, change)
}

/** To the old content. */
async function back(ctx: Context, root: string, begun: EntriesChange): Promise<void> {
  const hidden = `${root}/${hiddenName(begun.id)}`
  const staying = [...NO_DATA, hiddenName(begun.id)]
  let change = begun
  if (change.step === 'placing' || change.step === 'unplacing') {
    change = { ...change, step: 'unplacing' }
    ctx.changes.put(change.id, change)
    await ctx.files.moveEntries(root, `${hidden}/new`, staying)
  }
  if (change.step === 'saving' || change.step === 'unplacing' || change.step === 'restoring') {
    change = { ...change, step: 'restoring' }
    ctx.changes.put(change.id, change)
    if (await ctx.files.stat(`${hidden}/old`)) {
      await ctx.files.moveEntries(`${hidden}/old`, root, [])
      if (await ctx.files.stat(`${hidden}/old-looks`)) await ctx.files.copyAttributes(`${hidden}/old-looks`, root)
    }
  }
  change = { ...change, step: 'open' }
  ctx.changes.put(change.id, change)
}

async function clear(ctx: Context, root: string, change: EntriesChange): Promise<void> {
  await ctx.files.remove(`${root}/${hiddenName(change.id)}`)
  const times = timesOf(ctx, change.id)
  if (await ctx.files.stat(times)) await ctx.files.copyTimes(times, root)
  await ctx.files.remove(times)
  ctx.changes.delete(change.id)
}

/** What a killed daemon, or an error on the way, has left; the lock is held and the volume attached. */
export async function settleEntries(ctx: Context, root: string, change: EntriesChange): Promise<void> {
  const { step } = change
  if (step === 'saving' || step === 'placing' || step === 'clearing') return forward(ctx, root, change)
  if (step !== 'open') await back(ctx, root, change)
  await clear(ctx, root, { ...change, step: 'open' })
}

/** After an abort: nothing of it is left, and a new volume is its driver's again. */
async function giveBack(ctx: Context, id: string, pin: string): Promise<void> {
  const change = ctx.changes.get(id)
  if (change?.kind !== 'entries') return
  const { volume, replaces } = change
  const driver = ctx.drivers.of(volume)
  try {
    const root = await driver.attach(volume)
    await settleEntries(ctx, root, change)
  } catch (error) {
    // Whoever uses the volume next takes it away, before anybody sees it.
    ctx.unsettled.add(volume.name)
    throw error
  } finally {
    await letGo(ctx, volume, pin)
  }
  if (!replaces && !ctx.records.get(volume.name)) await discardNew(ctx, change)
}

/** A new volume that has come to nothing. One that had data before is somebody's: it is only forgotten. */
export async function discardNew(ctx: Context, { volume, wasEmpty }: EntriesChange): Promise<void> {
  const driver = ctx.drivers.of(volume)
  if (!wasEmpty && (driver.extent?.(volume) ?? 'nothing') === 'nothing') return
  const directory = await driver.discard(volume)
  if (directory !== undefined) await ctx.files.remove(directory)
}

async function letGo(ctx: Context, volume: VolumeRecord, pin: string): Promise<void> {
  ctx.reserved.delete(volume.name)
  const users = ctx.mounted.get(volume.name)
  users?.delete(pin)
  if (users && users.size > 0) return
  ctx.mounted.delete(volume.name)
  await ctx.drivers.of(volume).detach(volume)
}
