import { familiarOf } from '#codec/oci/reference.ts'
import { invalid } from '#lib/errors.ts'
import { checkFilters, matchLabels } from '#model/filters.ts'
import { globMatches } from './glob.ts'
import { resolve } from './resolve.ts'
import { parseTime } from './times.ts'
import type { Filters } from '#model/filters.ts'
import type { ImageRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { ImageSummary } from './service.ts'

/** Newest first. With `reference` filters only the names that match are in the records. */
export function list(
  ctx: ImagesContext,
  filters: Filters,
  options: { all?: boolean; sharedSize?: boolean } = {},
): ImageSummary[] {
  checkFilters(filters, ['dangling', 'label', 'label!', 'before', 'since', 'until', 'reference'])
  const dangling = flag(filters, 'dangling')
  const before = time(ctx, filters, 'before')
  const since = time(ctx, filters, 'since')
  const until = filters.get('until')?.map(text => parseTime(text, ctx.clock.now()))
  const patterns = filters.get('reference')

  const summaries: ImageSummary[] = []
  for (const image of ctx.catalog.list()) {
    const created = Date.parse(image.created)
    if (before !== undefined && created >= before) continue
    if (since !== undefined && created <= since) continue
    if (until?.some(limit => created >= limit)) continue
    if (!matchLabels(filters, image.config.Labels ?? {})) continue
    const nameless = image.tags.length + image.digests.length === 0
    if (dangling !== undefined && dangling !== (image.tags.length === 0)) continue
    // A step of another image's making is not shown unless asked for.
    if (nameless && !options.all && ctx.catalog.children(image.id).length > 0) continue
    const shown = patterns ? onlyMatching(image, patterns) : image
    if (shown) summaries.push(summary(ctx, shown, options.sharedSize))
  }
  return summaries.sort((a, b) => Date.parse(b.image.created) - Date.parse(a.image.created))
}

export function summary(ctx: ImagesContext, image: ImageRecord, sharedSize = false): ImageSummary {
  let size = 0
  let shared = 0
  for (const layer of image.layers) {
    size += layer.size
    if (ctx.catalog.uses(layer.chainId) > 1) shared += layer.size
  }
  return { image, size, sharedSize: sharedSize ? shared : -1, containers: -1 }
}

function onlyMatching(image: ImageRecord, patterns: readonly string[]): ImageRecord | undefined {
  const matches = (normalized: string) => {
    const name = familiarOf(normalized)
    const bare = name.replace(/@.*$/, '').replace(/:[^:/]*$/, '')
    return patterns.some(pattern => globMatches(pattern, name) || globMatches(pattern, bare))
  }
  const tags = image.tags.filter(matches)
  const digests = image.digests.filter(matches)
  return tags.length + digests.length > 0 ? { ...image, tags, digests } : undefined
}

/** @throws invalid unless it is a boolean as Docker reads one */
export function flag(filters: Filters, key: string): boolean | undefined {
  const values = filters.get(key)
  if (!values?.length) return undefined
  if (values.every(value => value === 'true' || value === '1')) return true
  if (values.every(value => value === 'false' || value === '0')) return false
  throw invalid(`invalid filter '${key}=[${values.join(' ')}]'`)
}

function time(ctx: ImagesContext, filters: Filters, key: 'before' | 'since'): number | undefined {
  const times = filters.get(key)?.map(name => Date.parse(resolve(ctx.catalog, name).created))
  if (!times?.length) return undefined
  return key === 'before' ? Math.min(...times) : Math.max(...times)
}
