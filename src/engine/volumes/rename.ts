import { conflict, invalid, messageOf } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce, directoryOf, extentOf, find, namesOf, usersOf } from './context.ts'
import type { Context } from './context.ts'
import type { RenameChange } from './changes.ts'
import { lockBoth } from './lock-both.ts'
import { movedTo } from './moved.ts'
import { checkName } from './name.ts'
import { checkUnreserved, settle } from './stage/index.ts'

/** The directory's rename is the moment: `recoverRename` makes the records say what it says. */
export async function renameVolume(ctx: Context, name: string, to: string): Promise<VolumeRecord> {
  find(ctx, name)
  checkName(to)
  if (to === name) throw conflict(`rename ${name}: that is its name already`)
  return lockBoth(ctx, name, to, () => rename(ctx, name, to))
}

async function rename(ctx: Context, name: string, to: string): Promise<VolumeRecord> {
  if (ctx.unsettled.has(name)) await settle(ctx, name)
  const volume = find(ctx, name)
  const driver = ctx.drivers.of(volume)
  if (extentOf(driver, volume) === 'nothing')
    throw invalid(`rename ${name}: driver ${volume.driver} knows the volume by its name: clone it instead`)
  const users = usersOf(ctx, name)
  if (users.length > 0)
    throw conflict(
      `rename ${name}: volume is in use by ${namesOf(ctx, users)}: remove ${users.length > 1 ? 'them' : 'it'} first`,
    )
  if (ctx.records.get(to)) throw conflict(`rename ${name}: a volume named ${to} exists: choose another name`)
  checkUnreserved(ctx, to)
  await driver.detach(volume)
  const change: RenameChange = { kind: 'rename', id: ctx.randomHex(12), volume, to: movedTo(ctx, volume, to) }
  ctx.changes.put(change.id, change)
  try {
    await ctx.files.rename(directoryOf(ctx, name), directoryOf(ctx, to))
  } catch (error) {
    ctx.changes.delete(change.id)
    throw error
  }
  try {
    await ctx.files.sync(ctx.root)
    complete(ctx, change)
  } catch (error) {
    await ctx.files.rename(directoryOf(ctx, to), directoryOf(ctx, name)).then(
      () => ctx.changes.delete(change.id),
      (cause: unknown) => ctx.log.error('a volume could not be put back', { volume: name, error: messageOf(cause) }),
    )
    throw error
  }
  announce(ctx, 'rename', change.to, { oldName: name })
  return change.to
}

function complete(ctx: Context, { id, volume, to }: RenameChange): void {
  ctx.transaction(() => {
    ctx.records.delete(volume.name)
    ctx.records.put(to.name, to)
    const used = ctx.lastUses.get(volume.name)
    if (used !== undefined) ctx.lastUses.put(to.name, used)
    ctx.lastUses.delete(volume.name)
    ctx.changes.delete(id)
  })
}

/** After a restart, before directories without a record are looked at. */
export async function recoverRenames(ctx: Context): Promise<void> {
  for (const change of ctx.changes.list()) if (change.kind === 'rename') await recoverRename(ctx, change)
}

async function recoverRename(ctx: Context, change: RenameChange): Promise<void> {
  const [from, to] = [change.volume.name, change.to.name].map(name => directoryOf(ctx, name)) as [string, string]
  const moved = !(await ctx.files.stat(from)) && (await ctx.files.stat(to)) !== undefined
  if (moved && ctx.records.get(change.volume.name) && !ctx.records.get(change.to.name)) complete(ctx, change)
  else ctx.changes.delete(change.id)
}
