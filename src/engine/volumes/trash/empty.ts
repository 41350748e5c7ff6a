import { messageOf } from '#lib/errors.ts'
import type { Context } from '../context.ts'
import type { TrashEntry } from './entry.ts'
import { findDeleted } from './restore.ts'

/** Milliseconds until a driver is asked again to delete what it could not. */
const AGAIN = 3_600_000

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
export async function deleteForGood(ctx: Context, entry: TrashEntry): Promise<boolean> {
  const { id, directory, volume } = entry
  // What lies elsewhere goes before the entry, which is all that is known of it; nobody gets it back in between.
  const mine = await ctx.locks.run(`trash ${id}`, async () => {
    if (!ctx.trash.get(id) || !(await purged(ctx, ctx.drivers.of(volume).purge?.(volume), entry))) return false
    return ctx.trash.delete(id)
  })
  if (!mine) return false
  await ctx.files.remove(directory).catch((error: unknown) => {
    ctx.log.warn('a deleted volume could not be removed from the disk', { directory, error: messageOf(error) })
  })
  return true
}

/** @returns false when it is to be tried again later */
async function purged(ctx: Context, purge: Promise<void> | undefined, entry: TrashEntry): Promise<boolean> {
  try {
    await purge
    return true
  } catch (error) {
    const { name, driver } = entry.volume
    ctx.log.warn('a deleted volume is still with its driver', { volume: name, driver, error: messageOf(error) })
    ctx.trash.put(entry.id, { ...entry, expiresAt: ctx.clock.now() + AGAIN })
    return false
  }
}
