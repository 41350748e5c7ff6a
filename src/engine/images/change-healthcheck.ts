import { invalid } from '#lib/errors.ts'
import { jsonForm } from './change-words.ts'
import type { Healthcheck } from '#model/config.ts'

const NANOS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }
const MINIMUM = 1e6

/** `NONE`, or `[--interval=30s …] CMD …`. */
export function healthcheck(argument: string, shell: (text: string) => string[]): Healthcheck {
  const result: Healthcheck = {}
  let rest = argument
  for (let flag = FLAG.exec(rest); flag; flag = FLAG.exec(rest)) {
    setFlag(result, flag[1]!, flag[2] ?? '')
    rest = rest.slice(flag[0].length)
  }
  const [, word, text] = /^(\S*)\s*(.*)$/s.exec(rest) as unknown as [string, string, string]
  switch (word.toUpperCase()) {
    case 'NONE':
      if (text !== '') throw invalid('HEALTHCHECK NONE takes no arguments')
      return { ...result, Test: ['NONE'] }
    case 'CMD': {
      if (text === '') throw invalid('Missing command after HEALTHCHECK CMD')
      const list = jsonForm(text)
      return { ...result, Test: list ? ['CMD', ...list] : ['CMD-SHELL', shell(text).at(-1)!] }
    }
    default:
      throw invalid(`Unknown type ${JSON.stringify(word.toUpperCase())} in HEALTHCHECK (try CMD)`)
  }
}

const FLAG = /^--([a-z-]+)(?:=(\S*))?\s+/

function setFlag(check: Healthcheck, flag: string, value: string): void {
  switch (flag) {
    case 'interval':
      check.Interval = duration(flag, value)
      break
    case 'timeout':
      check.Timeout = duration(flag, value)
      break
    case 'start-period':
      check.StartPeriod = duration(flag, value)
      break
    case 'start-interval':
      check.StartInterval = duration(flag, value)
      break
    case 'retries':
      if (!/^\d+$/.test(value)) throw invalid(`--retries must be at least 0 (not ${value})`)
      check.Retries = Number(value)
      break
    default:
      throw invalid(`Unknown flag: ${flag}`)
  }
}

/** Go's duration text in nanoseconds. */
function duration(flag: string, text: string): number {
  const parts = Array.from(text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
  if (text !== '0' && (parts.length === 0 || parts.map(part => part[0]).join('') !== text)) {
    throw invalid(`time: invalid duration ${JSON.stringify(text)}`)
  }
  const nanos = parts.reduce((sum, part) => sum + Number(part[1]) * NANOS[part[2]!]!, 0)
  if (nanos !== 0 && nanos < MINIMUM) throw invalid(`Interval ${JSON.stringify(flag)} cannot be less than 1ms`)
  return Math.round(nanos)
}
