import { messageOf } from '#lib/errors.ts'
import { rfc3339Nano } from '#lib/clock.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce, directoryOf, extentOf } from '../context.ts'
import type { Context } from '../context.ts'
import { settle } from '../stage/index.ts'
import { deletedName } from './entry.ts'
import type { TrashEntry } from './entry.ts'

/** What a plugin has removed is gone; of anything else, directory and record are enough to have it back. */
export function isKeepable(ctx: Context, volume: VolumeRecord): boolean {
  return extentOf(ctx.drivers.of(volume), volume) !== 'nothing'
}

/**
 * Puts a volume into the trash; the lock is held and nobody uses it. The entry comes first: without its directory it is
 * void, and with it the volume is gone, whatever its record says (`recoverTrash`).
 *
 * @param keep milliseconds
 * @param size bytes on disk
 */
export async function keepVolume(ctx: Context, volume: VolumeRecord, keep: number, size: number): Promise<TrashEntry> {
  if (ctx.unsettled.has(volume.name)) await settle(ctx, volume.name)
  await ctx.drivers.of(volume).detach(volume)
  const id = ctx.randomHex(12)
  const directory = directoryOf(ctx, deletedName(id))
  const entry: TrashEntry = {
    id,
    volume,
    deletedAt: rfc3339Nano(ctx.clock.nowNano()),
    expiresAt: ctx.clock.now() + keep,
    directory,
    size: Math.max(0, size),
  }
  ctx.trash.put(id, entry)
  try {
    if (await ctx.files.stat(directoryOf(ctx, volume.name)))
      await ctx.files.rename(directoryOf(ctx, volume.name), directory)
    else await ctx.files.makeDirectory(directory, { mode: 0o701 })
    // Together: what is put back after an error needs its record.
    ctx.transaction(() => {
      ctx.records.delete(volume.name)
      ctx.lastUses.delete(volume.name)
    })
  } catch (error) {
    await putBack(ctx, entry)
    throw error
  }
  ctx.mounted.delete(volume.name)
  announce(ctx, 'destroy', volume, { kept: id })
  ctx.expiry.reset()
  return entry
}

/** What cannot be undone now, the next daemon undoes or finishes. */
async function putBack(ctx: Context, { id, volume, directory }: TrashEntry): Promise<void> {
  try {
    if (await ctx.files.stat(directory)) await ctx.files.rename(directory, directoryOf(ctx, volume.name))
    ctx.trash.delete(id)
  } catch (error) {
    ctx.log.warn('a volume is half removed until the next start', { volume: volume.name, error: messageOf(error) })
  }
}
