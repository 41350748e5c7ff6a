import { invalid } from '#lib/errors.ts'

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/**
 * A time as Docker's `until` takes it: a duration before now (`10m`, `1h30m`), Unix seconds, or a date.
 * @returns milliseconds since the epoch
 */
export function parseTime(text: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const parts = Array.from(text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
  if (parts.length > 0 && parts.map(part => part[0]).join('') === text) {
    return now - parts.reduce((sum, part) => sum + Number(part[1]) * UNITS[part[2]!]!, 0)
  }
  const date = /^\d{4}-\d\d-\d\d(T\d\d(:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)
  const full = text.replace(/T(\d\d)(Z|[+-]|$)/, 'T$1:00$2')
  const millis = date ? Date.parse(full) : NaN
  if (Number.isNaN(millis))
    throw invalid(`failed to parse "${text}" as a time: give a duration, a date or Unix seconds`)
  return millis
}
