import { messageOf } from '#lib/errors.ts'
import type { DeletedVolume, KeptVolume } from '#model/volume.ts'
import { namesOf, usersOf } from '../context.ts'
import type { Context } from '../context.ts'
import { discard } from '../remove.ts'
import type { AppliedPrune, PlannedRemovals } from '../service.ts'
import { isKeepable, keepVolume } from '../trash/index.ts'
import { usageOf } from '../usage.ts'

/** What became of one planned removal. */
type Outcome = { trashed: DeletedVolume } | { directory: string | undefined } | { kept: string }

/**
 * Removes what a plan names, and nothing else: each is looked at again under its lock. Goes past errors.
 *
 * @param keep milliseconds in the trash; 0 deletes at once
 */
export async function applyPrune(ctx: Context, plan: PlannedRemovals, keep: number): Promise<AppliedPrune> {
  const result = {
    deleted: [] as string[],
    trashed: [] as DeletedVolume[],
    kept: [] as KeptVolume[],
    spaceReclaimed: 0,
  }
  for (const { name, createdAt, size: planned } of plan.remove) {
    try {
      const size = Math.max(0, planned ?? (await usageOf(ctx, name).catch(() => 0)))
      const outcome = await ctx.locks.run(name, () => removePlanned(ctx, name, createdAt, keep, size))
      if ('kept' in outcome) {
        result.kept.push({ name, reason: outcome.kept })
        continue
      }
      result.deleted.push(name)
      if ('trashed' in outcome) result.trashed.push(outcome.trashed)
      else {
        if (outcome.directory !== undefined) await ctx.files.remove(outcome.directory)
        result.spaceReclaimed += size
      }
    } catch (error) {
      if (!result.deleted.includes(name)) result.kept.push({ name, reason: messageOf(error) })
      else ctx.log.warn('what is left of a removed volume stays until the next start', { error: messageOf(error) })
    }
  }
  ctx.publish({
    Type: 'volume',
    Action: 'prune',
    Actor: { ID: '', Attributes: { reclaimed: String(result.spaceReclaimed) } },
  })
  return result
}

async function removePlanned(
  ctx: Context,
  name: string,
  createdAt: string,
  keep: number,
  size: number,
): Promise<Outcome> {
  const volume = ctx.records.get(name)
  if (!volume) return { kept: 'is gone already' }
  if (volume.createdAt !== createdAt) return { kept: 'was made anew since the plan' }
  const users = usersOf(ctx, name)
  if (users.length > 0) return { kept: `came to be used by ${namesOf(ctx, users)}` }
  if (keep > 0 && isKeepable(ctx, volume)) return { trashed: await keepVolume(ctx, volume, keep, size) }
  return { directory: await discard(ctx, volume) }
}
