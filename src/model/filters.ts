import { invalid } from '#lib/errors.ts'

/** Parsed `filters` query parameter: key to accepted values. */
export type Filters = ReadonlyMap<string, readonly string[]>

/** @throws invalid naming the filter that `allowed` does not have, in Docker's words */
export function checkFilters(filters: Filters, allowed: readonly string[]): void {
  for (const key of filters.keys()) {
    if (!allowed.includes(key)) throw invalid(`invalid filter '${key}'`)
  }
}

/** `label` and `label!` semantics: every `key` or `key=value` must match. */
export function matchLabels(filters: Filters, labels: Readonly<Record<string, string>>): boolean {
  const has = (term: string) => {
    const at = term.indexOf('=')
    if (at < 0) return term in labels
    return labels[term.slice(0, at)] === term.slice(at + 1)
  }
  return (filters.get('label') ?? []).every(has) && !(filters.get('label!') ?? []).some(has)
}
