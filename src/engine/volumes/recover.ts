import { rfc3339Nano } from '#lib/clock.ts'
import { messageOf } from '#lib/errors.ts'
import { dataOf, directoryOf } from './context.ts'
import type { Context } from './context.ts'
import { FILLING } from './copy-up.ts'
import { SNAPSHOT_DIRECTORY } from './local/subvolumes.ts'
import { unmountInTime } from './local/recover.ts'
import { checkName } from './name.ts'
import { TRASH } from './remove.ts'
import { recoverRenames } from './rename.ts'
import { recoverChanges, removeStaging, settle, STAGING } from './stage/index.ts'
import { DELETED, recoverTrash, removeUnlessKept } from './trash/index.ts'

/** After a restart: finishes removals, mends half-made volumes, and mounts what live containers use. */
export async function recoverVolumes(ctx: Context, live: ReadonlyMap<string, string[]>): Promise<void> {
  await ctx.files.makeDirectory(ctx.root, { mode: 0o701 })
  ctx.mounted.clear()
  await recoverChanges(ctx)
  await recoverRenames(ctx)
  await recoverTrash(ctx)
  for (const [name, users] of live) if (users.length > 0) ctx.mounted.set(name, new Set(users))
  for (const entry of await ctx.files.list(ctx.root)) {
    try {
      await mend(ctx, entry)
    } catch (error) {
      ctx.log.warn('a volume directory could not be looked after', { directory: entry, error: messageOf(error) })
    }
  }
  await ctx.drivers.recover(ctx.records.list())
  const names = new Set([...ctx.records.list().map(volume => volume.name), ...ctx.unsettled])
  // Plugins and CSI drivers may take minutes, or be gone: only who uses their volumes waits, by the volume's lock.
  const mine = (name: string) => (ctx.records.get(name)?.driver ?? 'local') === 'local'
  await Promise.all(
    Array.from(names, name => {
      const done = remount(ctx, name)
      return mine(name) ? done : undefined
    }),
  )
}

async function mend(ctx: Context, entry: string): Promise<void> {
  const trashed = TRASH.exec(entry)?.[1]
  if (trashed !== undefined) return finishRemoval(ctx, entry, trashed)
  if (STAGING.test(entry)) return removeUnlessNeeded(ctx, entry)
  if (SNAPSHOT_DIRECTORY.test(entry)) return ctx.files.remove(directoryOf(ctx, entry))
  if (DELETED.test(entry)) return removeUnlessKept(ctx, entry)
  if (entry.startsWith('.') || (await ctx.files.stat(directoryOf(ctx, entry)))?.kind !== 'directory') return
  const data = dataOf(ctx, entry)
  const filling = `${directoryOf(ctx, entry)}/${FILLING}`
  if (await ctx.files.stat(filling)) {
    // It is complete only when its place was made free for it.
    if (await ctx.files.stat(data)) await ctx.files.remove(filling)
    else await ctx.files.rename(filling, data)
  }
  // What is being made there is `settle`'s, once its file system is attached.
  if (!ctx.records.get(entry) && !ctx.unsettled.has(entry)) await adopt(ctx, entry)
}

/** What an unfinished replacement still needs stays. */
async function removeUnlessNeeded(ctx: Context, entry: string): Promise<void> {
  const id = STAGING.exec(entry)?.[1]
  if (id === undefined || !ctx.changes.get(id)) await removeStaging(ctx, entry)
}

async function finishRemoval(ctx: Context, entry: string, name: string): Promise<void> {
  const record = ctx.records.list().find(volume => volume.name.slice(0, 230) === name)
  if (record && !(await ctx.files.stat(directoryOf(ctx, record.name)))) ctx.records.delete(record.name)
  await ctx.files.remove(`${ctx.root}/${entry}`)
}

/** No record: never finished if it is empty. Data is never deleted for want of a record (lost in a power cut). */
async function adopt(ctx: Context, name: string): Promise<void> {
  const data = dataOf(ctx, name)
  if (ctx.mounts.isMounted(data)) await unmountInTime(ctx, data)
  const local = await ctx.drivers.find('local', name)
  const options = await local.lost?.(name)
  const hasData = options !== undefined || (await ctx.files.stat(data))
  if (!hasData || (options === undefined && (await ctx.files.isEmptyDirectory(data))))
    return ctx.files.remove(directoryOf(ctx, name))
  checkName(name)
  ctx.records.put(name, {
    name,
    driver: 'local',
    createdAt: rfc3339Nano(ctx.clock.nowNano()),
    labels: {},
    options: options ?? {},
    anonymous: false,
    mountpoint: data,
  })
  ctx.log.warn('adopted a volume that had data and no record', { volume: name })
}

/** Under the volume's lock, so that a server that does not answer keeps only its own volume waiting. */
async function remount(ctx: Context, name: string): Promise<void> {
  try {
    await ctx.locks.run(name, async () => {
      if (ctx.unsettled.has(name)) await settle(ctx, name)
      const volume = ctx.records.get(name)
      if (!volume) return
      const driver = ctx.drivers.of(volume)
      if (ctx.mounted.has(name)) await (driver.resume?.(volume) ?? driver.attach(volume))
      else if (driver.isAttached(volume)) await driver.detach(volume)
    })
  } catch (error) {
    ctx.log.error('a volume that a running container uses could not be mounted', {
      volume: name,
      error: messageOf(error),
    })
  }
}
