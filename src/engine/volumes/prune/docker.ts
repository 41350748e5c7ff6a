import type { Filters } from '#model/filters.ts'
import type { Context } from '../context.ts'
import { applyPrune } from './apply.ts'
import { planPrune } from './plan.ts'

/** Anonymous volumes that nobody refers to; named ones too with the filter `all=true` (API 1.42). */
export async function pruneVolumes(
  ctx: Context,
  filters: Filters,
): Promise<{ deleted: string[]; spaceReclaimed: number }> {
  const { deleted, spaceReclaimed } = await applyPrune(ctx, await planPrune(ctx, filters), 0)
  return { deleted, spaceReclaimed }
}
