import { conflict, messageOf, notFound } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce, directoryOf } from '../context.ts'
import type { Context } from '../context.ts'
import { movedTo } from '../moved.ts'
import { checkName } from '../name.ts'
import { checkUnreserved } from '../stage/index.ts'
import type { TrashEntry } from './entry.ts'

/** @throws not-found, conflict when the name is taken */
export async function restoreDeleted(ctx: Context, reference: string, as?: string): Promise<VolumeRecord> {
  const { id, volume } = findDeleted(ctx, reference)
  const name = as ?? volume.name
  checkName(name)
  return ctx.locks.run(`trash ${id}`, () =>
    ctx.locks.run(name, async () => {
      // It may have expired, or come back, while this waited.
      const entry = findDeleted(ctx, id)
      if (ctx.records.get(name))
        throw conflict(`restore ${name}: a volume named ${name} exists: restore under another name, with --as`)
      checkUnreserved(ctx, name)
      const restored = movedTo(ctx, entry.volume, name)
      const directory = directoryOf(ctx, name)
      ctx.trash.put(id, { ...entry, restoring: restored })
      try {
        await ctx.files.rename(entry.directory, directory)
        await ctx.files.sync(ctx.root)
        ctx.transaction(() => {
          ctx.records.put(name, restored)
          ctx.trash.delete(id)
        })
      } catch (error) {
        await putBack(ctx, entry, directory)
        throw error
      }
      announce(ctx, 'create', restored, { restored: id })
      ctx.expiry.reset()
      return restored
    }),
  )
}

/** By id, or the one of the name that was deleted last. @throws not-found */
export function findDeleted(ctx: Context, reference: string): TrashEntry {
  const byId = ctx.trash.get(reference)
  if (byId) return byId
  const named = ctx.trash.list().findLast(entry => entry.volume.name === reference)
  if (!named) throw notFound(`no such deleted volume: ${reference}: volume ls --deleted lists them`)
  return named
}

async function putBack(ctx: Context, entry: TrashEntry, directory: string): Promise<void> {
  try {
    if (!(await ctx.files.stat(entry.directory))) await ctx.files.rename(directory, entry.directory)
    ctx.trash.put(entry.id, entry)
  } catch (error) {
    ctx.log.warn('a deleted volume is half restored until the next start', { id: entry.id, error: messageOf(error) })
  }
}
