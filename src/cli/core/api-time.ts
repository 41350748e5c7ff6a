import { CliError } from './command.ts'
import { parseDuration } from './values.ts'

/**
 * A moment as people write it (RFC 3339 in part, seconds since the epoch, or `42m` ago) as the API takes it: seconds
 * with nanoseconds. '' stays undefined.
 */
export function apiTime(text: string, now = Date.now()): string | undefined {
  if (text === '') return undefined
  if (/^\d+(\.\d+)?$/.test(text)) return text
  try {
    const nanos = parseDuration(text)
    return seconds(now - nanos / 1e6)
  } catch {
    // Not a duration: a date.
  }
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}(?::\d{2}(?::\d{2})?)?)?(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/.exec(text)
  if (!match) throw new CliError(`failed to parse value as time or duration: ${JSON.stringify(text)}`)
  const [, day, time = '00:00:00', fraction = '', zone = ''] = match
  const full = `${time}:00:00`.slice(0, 8)
  // Without a zone it is the local one, as with Docker.
  const value = Date.parse(`${day}T${full}${zone}`)
  if (Number.isNaN(value)) throw new CliError(`failed to parse value as time or duration: ${JSON.stringify(text)}`)
  return `${Math.floor(value / 1000)}.${(fraction.slice(1) || '0').padEnd(9, '0').slice(0, 9)}`
}

function seconds(ms: number): string {
  const whole = Math.floor(ms / 1000)
  return `${whole}.${String(Math.round((ms - whole * 1000) * 1e6)).padStart(9, '0')}`
}
