import { directoryOf } from '../context.ts'
import type { Context } from '../context.ts'
import { DELETED } from './entry.ts'
import type { TrashEntry } from './entry.ts'

/** After a restart, before directories without a record are looked at: each entry is in the trash, or back, or void. */
export async function recoverTrash(ctx: Context): Promise<void> {
  for (const entry of ctx.trash.list()) {
    if (await ctx.files.stat(entry.directory)) await remainsDeleted(ctx, entry)
    else await isBack(ctx, entry)
  }
  ctx.expiry.reset()
}

/** The directory was moved away: what is left to do is to forget the record, and a name to come back under. */
async function remainsDeleted(ctx: Context, { restoring, ...entry }: TrashEntry): Promise<void> {
  if (restoring) return ctx.trash.put(entry.id, entry)
  const { name, createdAt } = entry.volume
  if (ctx.records.get(name)?.createdAt !== createdAt) return
  if (!(await ctx.files.stat(directoryOf(ctx, name)))) ctx.records.delete(name)
}

/** It was moved back (or never away), or somebody removed it by hand. */
async function isBack(ctx: Context, { id, restoring }: TrashEntry): Promise<void> {
  const there = restoring && (await ctx.files.stat(directoryOf(ctx, restoring.name)))
  ctx.transaction(() => {
    if (restoring && there && !ctx.records.get(restoring.name)) ctx.records.put(restoring.name, restoring)
    ctx.trash.delete(id)
  })
}

/** A directory that no entry has: deletion for good was begun. */
export async function removeUnlessKept(ctx: Context, entry: string): Promise<void> {
  const id = DELETED.exec(entry)?.[1]
  if (id !== undefined && !ctx.trash.get(id)) await ctx.files.remove(`${ctx.root}/${entry}`)
}
