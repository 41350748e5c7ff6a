import { invalid } from '#lib/errors.ts'

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
const EVERY = /^@every ((?:\d+[smhdw])+)$/
/** Milliseconds. */
const SHORTEST = 60_000

/**
 * When a schedule is due next.
 *
 * @param when cron of five fields in the host's time zone, `@hourly`, `@daily`, `@weekly`, `@monthly`, or `@every 1h30m`
 * @param after milliseconds since the epoch: the last run, or when the schedule was made
 * @throws invalid
 */
export async function nextTime(when: string, after: number): Promise<number> {
  if (when.startsWith('@every')) return after + periodOf(when)
  const { Cron } = await import('croner')
  let next: Date | null
  try {
    next = new Cron(when, { paused: true, mode: '5-part' }).nextRun(new Date(after))
  } catch (cause) {
    throw invalid(`invalid time ${JSON.stringify(when)}: use cron ("0 3 * * *"), @daily or @every 6h`, { cause })
  }
  if (!next) throw invalid(`invalid time ${JSON.stringify(when)}: it never comes`)
  return next.getTime()
}

function periodOf(when: string): number {
  const text = EVERY.exec(when)?.[1]
  if (text === undefined) throw invalid(`invalid time ${JSON.stringify(when)}: use @every with 30m, 6h, 1d or 1h30m`)
  let period = 0
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdw])/g)) period += Number(count) * UNITS[unit!]!
  if (period < SHORTEST) throw invalid(`invalid time ${JSON.stringify(when)}: a minute is the shortest`)
  return period
}
