import { isKind } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import { checkFilters, type Filters } from '#model/filters.ts'
import { canStop, isAlive } from '#model/container-state.ts'
import type { Context } from './context.ts'
import { LIST_FILTERS, listPredicate } from './list-filters.ts'
import type { ContainerView } from './service.ts'

/** `GET /containers/json`: newest first. Without `all` those that run, unless a filter names states or exits. */
export async function list(
  ctx: Context,
  filters: Filters,
  options: { all: boolean; limit: number; size: boolean },
): Promise<ContainerView[]> {
  checkFilters(filters, LIST_FILTERS)
  const newestFirst = ctx.records.all().sort((a, b) => compare(b, a))
  const matches = listPredicate(filters, newestFirst, {
    find: reference => tryFind(() => ctx.records.find(reference)),
    imageId: reference => tryFind(() => ctx.images.resolve(reference).id),
    ancestors: imageId => lineage(ctx, imageId),
    networkId: reference => tryFind(() => ctx.networks.get(reference).id),
  })
  const all = options.all || options.limit > 0 || filters.has('status') || filters.has('exited') || hasBounds(filters)
  let found = newestFirst.filter(record => (all || runs(record)) && matches(record))
  if (options.limit > 0) found = found.slice(0, options.limit)
  return Promise.all(found.map(record => viewOf(ctx, record, options.size)))
}

export async function viewOf(ctx: Context, record: ContainerRecord, size: boolean): Promise<ContainerView> {
  if (!size) return { record }
  const sizeRw = await ctx.images.rootfsUsage(record.snapshotKey)
  const image = tryFind(() => ctx.images.resolve(record.imageId))
  const base = (image?.layers ?? []).reduce((sum, layer) => sum + layer.size, 0)
  return { record, sizeRw, sizeRootFs: base + sizeRw }
}

function hasBounds(filters: Filters): boolean {
  return filters.has('since') || filters.has('before')
}

function runs({ state }: ContainerRecord): boolean {
  return isAlive(state) || canStop(state).ok
}

function compare(a: ContainerRecord, b: ContainerRecord): number {
  return a.created < b.created ? -1 : a.created > b.created ? 1 : 0
}

/** Ids of the image and of those it was made from. */
function lineage(ctx: Context, imageId: string): Set<string> {
  const ids = new Set<string>()
  for (let id = imageId; id !== '' && !ids.has(id);) {
    ids.add(id)
    const current = id
    id = tryFind(() => ctx.images.resolve(current).parent) ?? ''
  }
  return ids
}

function tryFind<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (isKind(error, 'not-found') || isKind(error, 'invalid')) return undefined
    throw error
  }
}
