import { invalid } from '#lib/errors.ts'
import type { Filters } from '#model/filters.ts'

const INT64 = 2n ** 63n

/** The query string, read as Docker reads it. */
export class Query {
  readonly #params: URLSearchParams

  constructor(text: string) {
    this.#params = new URLSearchParams(text)
  }

  has(key: string): boolean {
    return this.#params.has(key)
  }

  text(key: string): string {
    return this.#params.get(key) ?? ''
  }

  all(key: string): string[] {
    return this.#params.getAll(key)
  }

  /** Anything but '', 0, no, false and none is true. */
  bool(key: string, absent = false): boolean {
    const value = this.#params.get(key)
    if (value === null) return absent
    return !['', '0', 'no', 'false', 'none'].includes(value.trim().toLowerCase())
  }

  /** @throws invalid in the words of Go's strconv */
  int(key: string): number | undefined {
    const value = this.#params.get(key)
    if (value === null || value === '') return undefined
    return parseInteger(value)
  }

  /** Nanoseconds since the epoch from `SECONDS[.NANOSECONDS]`; undefined when absent. @throws invalid */
  time(key: string): bigint | undefined {
    const value = this.#params.get(key)
    if (value === null || value === '') return undefined
    const match = /^(-?[0-9]+)(?:\.([0-9]+))?$/.exec(value)
    if (!match) throw invalid(`${key}: strconv.ParseInt: parsing ${quote(value)}: invalid syntax`)
    const [, seconds = '0', fraction = ''] = match
    const nanos = BigInt(fraction.slice(0, 9).padEnd(9, '0'))
    const whole = BigInt(seconds) * 1_000_000_000n
    if (whole >= INT64 || whole < -INT64) {
      throw invalid(`${key}: strconv.ParseInt: parsing ${quote(value)}: value out of range`)
    }
    return whole + (seconds.startsWith('-') ? -nanos : nanos)
  }

  /** Both `{"label":["a"]}` and the legacy `{"label":{"a":true}}`. @throws invalid */
  filters(key = 'filters'): Filters {
    const text = this.text(key)
    const filters = new Map<string, string[]>()
    if (text === '') return filters
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch (cause) {
      throw invalid(`invalid filter: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
    if (value === null) return filters
    if (typeof value !== 'object' || Array.isArray(value)) throw invalid('invalid filter: must be a JSON object')
    for (const [name, terms] of Object.entries(value)) filters.set(name, termsOf(name, terms))
    return filters
  }
}

function termsOf(name: string, terms: unknown): string[] {
  if (terms === null) return []
  if (Array.isArray(terms)) {
    if (terms.every(term => typeof term === 'string')) return terms
    throw invalid(`invalid filter '${name}': values must be strings`)
  }
  if (typeof terms !== 'object') throw invalid(`invalid filter '${name}': must be a list of strings`)
  const entries = Object.entries(terms as Record<string, unknown>)
  if (entries.some(([, on]) => typeof on !== 'boolean')) {
    throw invalid(`invalid filter '${name}': must map strings to booleans`)
  }
  return entries.filter(([, on]) => on).map(([term]) => term)
}

const quote = (text: string) => JSON.stringify(text)

/** @throws invalid in the words of Go's strconv */
export function parseInteger(value: string, what = 'strconv.ParseInt'): number {
  if (!/^[+-]?[0-9]+$/.test(value)) throw invalid(`${what}: parsing ${quote(value)}: invalid syntax`)
  const big = BigInt(value.replace(/^\+/, ''))
  if (big >= INT64 || big < -INT64) throw invalid(`${what}: parsing ${quote(value)}: value out of range`)
  return Number(big)
}
