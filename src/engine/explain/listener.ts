import type { Report } from '#model/report.ts'
import type { Listener } from '#ports/inspector.ts'
import type { Question } from './context.ts'

/** What listens at the port that is asked for, and whether it takes what comes to `address`. */
export function judgeListener(
  report: Report,
  listeners: readonly Listener[],
  where: { name: string; address: string },
  { port, protocol }: Pick<Question, 'port' | 'protocol'>,
): void {
  const subject = `port ${port}/${protocol} in ${where.name}`
  const fail = (detail: string, code: Parameters<Report['fail']>[3], summary: string, fix: string) =>
    report.fail('listener', subject, detail, code, summary, fix)
  const here = listeners.filter(one => one.port === port && one.protocol === protocol)
  const taking = here.find(one => takes(one, where.address))
  if (taking) {
    if (protocol === 'tcp' && taking.waiting > taking.backlog) {
      return fail(
        `${taking.waiting} connections wait to be accepted, and ${taking.backlog} may`,
        'accept-queue-full',
        `the program in ${where.name} does not accept its connections: ${taking.waiting} wait at port ${port}`,
        `berth restart ${where.name}`,
      )
    }
    return report.ok('listener', subject, `a program listens on ${show(taking.address)}`)
  }
  const [elsewhere] = here
  if (elsewhere && isLoopback(elsewhere.address)) {
    return fail(
      `the program listens on ${elsewhere.address} only`,
      'listening-on-loopback',
      `${where.name} listens on ${elsewhere.address}:${port}, which nobody outside it reaches: let it listen on 0.0.0.0`,
      '',
    )
  }
  if (elsewhere) {
    return fail(
      `the program listens on ${elsewhere.address} only`,
      'listening-elsewhere',
      `${where.name} listens on ${elsewhere.address}:${port} and not on ${where.address}: let it listen on 0.0.0.0`,
      '',
    )
  }
  const other = listeners.find(one => one.port === port && !isLoopback(one.address))
  if (other) {
    return fail(
      `the program takes ${other.protocol} there`,
      'listening-other-protocol',
      `${where.name} listens for ${other.protocol} at port ${port}, not for ${protocol}`,
      '',
    )
  }
  const ports = openPorts(listeners, protocol)
  const instead = ports.length > 0 ? `it listens at ${ports.join(', ')}` : 'nothing in it listens'
  const summary = `nothing in ${where.name} listens at port ${port}/${protocol}`
  fail(instead, 'not-listening', ports.length > 0 ? `${summary}: ${instead}` : `${summary}, or at any other`, '')
}

/** Ports that others can reach. */
export function openPorts(listeners: readonly Listener[], protocol: 'tcp' | 'udp'): number[] {
  const open = listeners.filter(one => one.protocol === protocol && !isLoopback(one.address))
  return [...new Set(open.map(one => one.port))].sort((a, b) => a - b)
}

export const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'

const show = (address: string): string => (address === '0.0.0.0' || address === '::' ? 'every address' : address)

function takes({ address, v6only }: Listener, destination: string): boolean {
  if (address === destination || address === `::ffff:${destination}`) return true
  if (address === '::') return destination.includes(':') || !v6only
  return address === '0.0.0.0' && !destination.includes(':')
}
