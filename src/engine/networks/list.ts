import { invalid, messageOf } from '#lib/errors.ts'
import { checkFilters, matchLabels } from '#model/filters.ts'
import type { Filters } from '#model/filters.ts'
import type { Context, StoredNetwork } from './context.ts'
import { pruneEvent } from './events.ts'
import { dismantle, usersOf } from './remove.ts'

const LIST = ['driver', 'id', 'name', 'label', 'scope', 'type', 'dangling']
const PRUNE = ['until', 'label', 'label!']

export function listNetworks(ctx: Context, filters: Filters): StoredNetwork[] {
  checkFilters(filters, LIST)
  const types = filters.get('type') ?? []
  for (const type of types)
    if (type !== 'custom' && type !== 'builtin') throw invalid(`invalid filter: 'type'='${type}'`)
  const dangling = (filters.get('dangling') ?? []).map(truth)
  const any = (key: string, test: (value: string) => boolean) => {
    const values = filters.get(key)
    return values === undefined || values.length === 0 || values.some(test)
  }
  return ctx.registry.all().filter(network => {
    return (
      any('driver', value => network.driver === value) &&
      any('id', value => network.id.startsWith(value)) &&
      any('name', value => network.name.includes(value)) &&
      any('scope', value => network.scope === value) &&
      any('type', value => network.builtin === (value === 'builtin')) &&
      matchLabels(filters, network.labels) &&
      dangling.every(wanted => (!network.builtin && usersOf(ctx, network.id).length === 0) === wanted)
    )
  })
}

/** The networks without endpoints: those of containers that do not run are none. */
export function planPruneNetworks(ctx: Context, filters: Filters): StoredNetwork[] {
  checkFilters(filters, PRUNE)
  const until = untilMilliseconds(filters.get('until') ?? [], ctx.clock.now())
  return ctx.registry.all().filter(network => {
    if (network.builtin || !matchLabels(filters, network.labels)) return false
    if (until !== undefined && Date.parse(network.created) > until) return false
    return usersOf(ctx, network.id).length === 0
  })
}

/** Removes the networks without endpoints. @returns their names */
export async function pruneNetworks(ctx: Context, filters: Filters): Promise<string[]> {
  const deleted: string[] = []
  for (const network of planPruneNetworks(ctx, filters)) {
    // Asked again for each, since a container may have started while the one before was taken down.
    if (usersOf(ctx, network.id).length > 0) continue
    try {
      await dismantle(ctx, network)
    } catch (error) {
      // Its plugin will not have it: the others go all the same.
      ctx.log.warn('network not pruned', { network: network.name, error: messageOf(error) })
      continue
    }
    deleted.push(network.name)
  }
  pruneEvent(ctx)
  return deleted
}

function truth(text: string): boolean {
  if (['1', 't', 'true'].includes(text.toLowerCase())) return true
  if (['0', 'f', 'false'].includes(text.toLowerCase())) return false
  throw invalid(`invalid filter 'dangling=${text}'`)
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** A Go duration before now (`24h`, `1h30m`), seconds since the epoch, or a date. */
function untilMilliseconds(values: readonly string[], now: number): number | undefined {
  if (values.length === 0) return undefined
  if (values.length > 1) throw invalid('more than one until filter specified')
  const text = values[0]!
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
    return now - parts.reduce((sum, part) => sum + Number(part[1]) * UNITS[part[2]!]!, 0)
  }
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw invalid(`invalid filter 'until=${text}': use a duration such as 24h, or a time`)
  return time
}
