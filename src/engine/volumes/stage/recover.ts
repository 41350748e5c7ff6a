import { messageOf } from '#lib/errors.ts'
import { directoryOf } from '../context.ts'
import type { Context } from '../context.ts'
import type { DirectoryChange, EntriesChange } from '../changes.ts'
import { stagingName } from './directory.ts'
import { discardNew, settleEntries } from './entries.ts'

/** After a restart: each change that was under way is brought to one of its ends. */
export async function recoverChanges(ctx: Context): Promise<void> {
  for (const change of ctx.changes.list()) {
    try {
      if (change.kind === 'directory') await recoverDirectory(ctx, change)
      // Its server may not answer: that keeps nobody waiting but who uses this very volume.
      else if (change.kind === 'entries') ctx.unsettled.add(change.volume.name)
    } catch (error) {
      const { name } = change.volume
      ctx.log.warn('what was under way with a volume could not be ended', { volume: name, error: messageOf(error) })
    }
  }
}

/** The directory is away from its place beside: it is in the volume's. Otherwise the commit had not happened. */
async function recoverDirectory(ctx: Context, change: DirectoryChange): Promise<void> {
  const beside = directoryOf(ctx, stagingName(change.id))
  const { volume, replaces, committing } = change
  const moved = committing && !replaces && !(await ctx.files.stat(beside))
  if (moved && !ctx.records.get(volume.name) && (await ctx.files.stat(directoryOf(ctx, volume.name))))
    ctx.records.put(volume.name, volume)
  await removeStaging(ctx, stagingName(change.id))
  ctx.changes.delete(change.id)
}

/** Whatever is mounted in it is ours, and lets go of its image by itself. */
export async function removeStaging(ctx: Context, entry: string): Promise<void> {
  const directory = directoryOf(ctx, entry)
  for (const point of ctx.mounts.below(directory)) await ctx.mounts.unmount(point)
  await ctx.files.remove(directory)
}

/** Ends what an earlier daemon, or an error, left of a replacement in this volume; its lock is held. */
export async function settle(ctx: Context, name: string): Promise<void> {
  for (const change of ctx.changes.list()) {
    if (change.kind === 'entries' && change.volume.name === name) await settleOne(ctx, change)
  }
  ctx.unsettled.delete(name)
}

async function settleOne(ctx: Context, change: EntriesChange): Promise<void> {
  const { volume, replaces } = change
  const driver = ctx.drivers.of(volume)
  const root = await driver.attach(volume)
  try {
    await settleEntries(ctx, root, change)
  } finally {
    if (!ctx.mounted.has(volume.name)) await driver.detach(volume)
  }
  if (!replaces && !ctx.records.get(volume.name)) await discardNew(ctx, change)
}
