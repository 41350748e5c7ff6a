import { checkFilters, matchLabels } from '#model/filters.ts'
import type { Filters } from '#model/filters.ts'
import { usersOf } from './context.ts'
import type { Context } from './context.ts'
import { booleanFilter } from './list.ts'
import { discard } from './remove.ts'
import { usageOf } from './usage.ts'

/** Anonymous volumes that nobody refers to; named ones too with the filter `all=true` (API 1.42). */
export async function pruneVolumes(
  ctx: Context,
  filters: Filters,
): Promise<{ deleted: string[]; spaceReclaimed: number }> {
  checkFilters(filters, ['label', 'label!', 'all'])
  const all = booleanFilter(filters, 'all') ?? false
  const candidates = ctx.records
    .list()
    .filter(volume => (all || volume.anonymous) && matchLabels(filters, volume.labels))
    .filter(volume => usersOf(ctx, volume.name).length === 0)
  const deleted: string[] = []
  let spaceReclaimed = 0
  for (const { name } of candidates) {
    const size = Math.max(0, await usageOf(ctx, name).catch(() => 0))
    const trash = await ctx.locks.run(name, async () => {
      const volume = ctx.records.get(name)
      // Asked again: a container may have come to use it since.
      if (!volume || usersOf(ctx, name).length > 0) return undefined
      const directory = await discard(ctx, volume)
      deleted.push(name)
      spaceReclaimed += size
      return directory
    })
    if (trash !== undefined) await ctx.files.remove(trash)
  }
  ctx.publish({
    Type: 'volume',
    Action: 'prune',
    Actor: { ID: '', Attributes: { reclaimed: String(spaceReclaimed) } },
  })
  return { deleted, spaceReclaimed }
}
