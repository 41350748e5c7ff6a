import { checkFilters, matchLabels } from '#model/filters.ts'
import type { Filters } from '#model/filters.ts'
import type { PruneCandidate, PrunePlan, VolumeRecord } from '#model/volume.ts'
import { namesOf, usersOf } from '../context.ts'
import type { Context } from '../context.ts'
import { booleanFilter } from '../list.ts'
import { isKeepable } from '../trash/index.ts'
import { usageOf } from '../usage.ts'

/** What a prune with these filters takes, and what it leaves for which reason. Changes nothing. */
export async function planPrune(
  ctx: Context,
  filters: Filters,
  without: ReadonlySet<string> = new Set(),
): Promise<PrunePlan> {
  checkFilters(filters, ['label', 'label!', 'all'])
  const all = booleanFilter(filters, 'all') ?? false
  const plan: PrunePlan = { remove: [], keep: [] }
  const candidates: Promise<PruneCandidate>[] = []
  for (const volume of ctx.records.list()) {
    const { name } = volume
    const reason = whyKept(ctx, volume, filters, all, without)
    if (reason !== undefined) plan.keep.push({ name, reason })
    else candidates.push(candidateOf(ctx, volume))
  }
  plan.remove = await Promise.all(candidates)
  return plan
}

function whyKept(
  ctx: Context,
  volume: VolumeRecord,
  filters: Filters,
  all: boolean,
  without: ReadonlySet<string>,
): string | undefined {
  const users = usersOf(ctx, volume.name).filter(user => !without.has(user))
  if (users.length > 0) return `used by ${namesOf(ctx, users)}`
  if (!matchLabels(filters, volume.labels)) return whichLabel(filters, volume.labels)
  return all || volume.anonymous ? undefined : 'named: only anonymous volumes were asked for'
}

/** The first term of the filters that a volume fails. */
function whichLabel(filters: Filters, labels: Readonly<Record<string, string>>): string {
  for (const term of filters.get('label') ?? []) {
    if (!matchLabels(new Map([['label', [term]]]), labels)) return `has no label ${term}`
  }
  for (const term of filters.get('label!') ?? []) {
    if (!matchLabels(new Map([['label!', [term]]]), labels)) return `has label ${term}`
  }
  return 'its labels are not those asked for'
}

async function candidateOf(ctx: Context, volume: VolumeRecord): Promise<PruneCandidate> {
  const { name, driver, createdAt, anonymous } = volume
  const keepable = isKeepable(ctx, volume)
  // One whose server does not answer must not take the others' plan away.
  const size = await usageOf(ctx, name).catch(() => -1)
  const used = ctx.lastUses.get(name)
  const since =
    used === undefined
      ? `used by no container since it was made ${ago(ctx, createdAt)}`
      : `used by no container, last ${ago(ctx, used)}`
  return {
    name,
    driver,
    createdAt,
    anonymous,
    size,
    keepable,
    reason: `${anonymous ? 'anonymous' : 'named'}, ${since}`,
  }
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const

function ago(ctx: Context, time: string): string {
  const seconds = (ctx.clock.now() - Date.parse(time)) / 1000
  for (const [unit, length] of UNITS) {
    const count = Math.floor(seconds / length)
    if (count > 0) return `${count} ${unit}${count === 1 ? '' : 's'} ago`
  }
  return 'less than a minute ago'
}
