import { CliError } from '../core/command.ts'
import { parseDuration } from '../core/values.ts'

const DAY = 86_400_000

/** `24h`, `90m`, `7d`: milliseconds. @throws CliError */
export function parseKeep(text: string): number {
  const days = /^(\d+)d$/.exec(text)?.[1]
  if (days !== undefined) return Number(days) * DAY
  try {
    const keep = Math.round(parseDuration(text) / 1e6)
    if (keep >= 0) return keep
  } catch {
    // Said below.
  }
  throw new CliError(`invalid time to keep ${JSON.stringify(text)}: give one such as 24h, 90m or 7d`)
}

export const KEEP_HELP = 'Keep in the trash for this long (24h, 7d): volume restore-deleted brings it back'
