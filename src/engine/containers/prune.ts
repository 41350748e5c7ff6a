import { invalid } from '#lib/errors.ts'
import { checkFilters, matchLabels, type Filters } from '#model/filters.ts'
import type { ContainerRecord } from '#model/container.ts'
import { statusOf } from '#model/container-state.ts'
import type { Context } from './context.ts'
import { remove } from './remove.ts'

/** What has stopped, was created before `until` and has the labels. @throws invalid naming the filter */
export function planPrune(ctx: Context, filters: Filters): ContainerRecord[] {
  checkFilters(filters, ['until', 'label', 'label!'])
  const until = parseUntil(filters.get('until')?.at(-1), ctx.clock.now())
  return ctx.records.all().filter(record => {
    if (!['created', 'exited', 'dead'].includes(statusOf(record.state)) || record.state.kind === 'starting')
      return false
    if (until !== undefined && Date.parse(record.created) >= until) return false
    return matchLabels(filters, record.config.Labels)
  })
}

/** `POST /containers/prune` */
export async function prune(ctx: Context, filters: Filters): Promise<{ deleted: string[]; spaceReclaimed: number }> {
  const deleted: string[] = []
  let spaceReclaimed = 0
  for (const record of planPrune(ctx, filters)) {
    try {
      const size = await bytesOf(ctx, record)
      await remove(ctx, record.id, { force: false, volumes: false, link: false })
      deleted.push(record.id)
      spaceReclaimed += size
    } catch (error) {
      // It was started or removed meanwhile: it is not ours to prune any more.
      ctx.log.debug('not pruned', { container: record.id, error })
    }
  }
  if (deleted.length > 0) {
    ctx.events.publish({
      Type: 'container',
      Action: 'prune',
      Actor: { ID: '', Attributes: { reclaimed: String(spaceReclaimed) } },
    })
  }
  return { deleted, spaceReclaimed }
}

/** What goes with it: its own files and its log. */
async function bytesOf(ctx: Context, { snapshotKey, logPath }: ContainerRecord): Promise<number> {
  const [root, log] = await Promise.all([
    ctx.images.rootfsUsage(snapshotKey).catch(() => 0),
    logPath === '' ? 0 : ctx.logs.size(logPath).catch(() => 0),
  ])
  return root + log
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds since the epoch of `10m`, `1h30m`, a Unix time or RFC 3339. @throws invalid */
export function parseUntil(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    const parts = Array.from(text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    return now - parts.reduce((sum, [, value, unit = 's']) => sum + Number(value) * (UNITS[unit] ?? 0), 0)
  }
  const at = Date.parse(/^\d{4}-\d\d-\d\dT[\d:.]+$/.test(text) ? `${text}Z` : text)
  if (Number.isNaN(at)) throw invalid(`invalid filter 'until=${text}': it is neither a duration nor a time`)
  return at
}
