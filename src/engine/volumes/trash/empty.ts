import { messageOf } from '#lib/errors.ts'
import type { Context } from '../context.ts'
import type { TrashEntry } from './entry.ts'
import { findDeleted } from './restore.ts'

/** Deletes for good: one, or all. Goes past errors where there are several. */
export async function emptyTrash(
  ctx: Context,
  reference?: string,
): Promise<{ deleted: string[]; spaceReclaimed: number }> {
  const entries = reference === undefined ? ctx.trash.list() : [findDeleted(ctx, reference)]
  const deleted: string[] = []
  let spaceReclaimed = 0
  for (const entry of entries) {
    if (!(await deleteForGood(ctx, entry))) continue
    deleted.push(entry.id)
    spaceReclaimed += entry.size
  }
  ctx.expiry.reset()
  return { deleted, spaceReclaimed }
}

/** The entry goes first: a directory without one is removed by `recover`. @returns whether it was still there */
export async function deleteForGood(ctx: Context, { id, directory }: TrashEntry): Promise<boolean> {
  const mine = await ctx.locks.run(`trash ${id}`, async () => ctx.trash.delete(id))
  if (!mine) return false
  await ctx.files.remove(directory).catch((error: unknown) => {
    ctx.log.warn('a deleted volume could not be removed from the disk', { directory, error: messageOf(error) })
  })
  return true
}
