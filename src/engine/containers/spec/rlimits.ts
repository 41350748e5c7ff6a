import { invalid } from '#lib/errors.ts'
import type { Ulimit } from '#model/config.ts'

const NAMES = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]

/** RLIM_INFINITY, which no JavaScript number is: raw JSON keeps all its digits in the written specification. */
const INFINITY = (JSON as unknown as { rawJSON(text: string): number }).rawJSON('18446744073709551615')

/** @throws invalid naming an unknown limit */
export function rlimits(ulimits: readonly Ulimit[]): { type: string; hard: number; soft: number }[] {
  return ulimits.map(({ Name, Hard, Soft }) => {
    const name = Name.toLowerCase().replace(/^rlimit_/, '')
    if (!NAMES.includes(name)) throw invalid(`invalid ulimit type: ${Name}`)
    const value = (limit: number) => (limit < 0 ? INFINITY : limit)
    return { type: `RLIMIT_${name.toUpperCase()}`, hard: value(Hard), soft: value(Soft) }
  })
}
