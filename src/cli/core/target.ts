import { isIPv6 } from 'node:net'
import { UsageError } from './command.ts'

export interface AskedTarget {
  to: string
  /** 0 when none was given. */
  port: number
  protocol: 'tcp' | 'udp'
}

/** Exit code of a question that cannot be asked: 1 and 2 are answers to it. */
export const NOT_ASKED = 125

/** `FROM TO[:PORT][/udp]`. @throws UsageError, here and not by `args`, whose exit code would be an answer */
export function parseQuestion(args: readonly string[]): { from: string } & AskedTarget {
  const [from, target, ...more] = args
  if (from === undefined || target === undefined || more.length > 0) {
    throw new UsageError('give two parties: FROM TO[:PORT][/udp]', NOT_ASKED)
  }
  return { from, ...parseTarget(target) }
}

/** `database`, `database:5432`, `database:53/udp`, `[fd00::1]:80`, `fd00::1`. @throws UsageError */
export function parseTarget(text: string): AskedTarget {
  const [, rest = '', protocol = 'tcp'] = /^(.*?)(?:\/(tcp|udp))?$/s.exec(text) ?? []
  if (isIPv6(rest)) return { to: rest, port: 0, protocol: protocol as 'tcp' }
  const match = /^(?:\[([^\]]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(rest)
  const to = match?.[1] ?? match?.[2]
  const port = Number(match?.[3] ?? 0)
  if (to === undefined || port > 65_535 || match?.[3] === '0' || (match?.[1] !== undefined && !isIPv6(to))) {
    throw new UsageError(`invalid target ${JSON.stringify(text)}: use NAME[:PORT][/udp]`, NOT_ASKED)
  }
  return { to, port, protocol: protocol as 'tcp' | 'udp' }
}
