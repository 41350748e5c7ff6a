import type { OpenPort } from '#ports/sockets.ts'
import type { Context } from '../context.ts'
import type { SandboxOwner } from '../service.ts'
import type { Member } from './state.ts'

/** Milliseconds after which a replica is taken to serve even if it is not seen to listen. */
export const AT_MOST = 2000
const FIRST_LOOK = 15
const BETWEEN_LOOKS = 150

/** @returns whether it is to get connections: false when it has ended or been stopped meanwhile */
export async function waitForListener(ctx: Context, member: Member): Promise<boolean> {
  const { owner, path } = member.sandbox
  const { signal } = member.stop
  const until = member.since + AT_MOST
  try {
    for (let pause = FIRST_LOOK; ctx.clock.now() < until; pause = Math.min(pause * 1.5, BETWEEN_LOOKS)) {
      await ctx.clock.sleep(pause, signal)
      if (listens(owner, await ctx.sockets.open(path))) break
    }
  } catch (error) {
    if (signal.aborted) return false
    ctx.log.warn('cannot see whether a replica listens', { container: owner.name, error: String(error) })
  }
  return !signal.aborted
}

type Ports = Pick<SandboxOwner, 'exposedPorts' | 'portBindings'>

/** On a port that it exposes or publishes; on any TCP port if it says none. */
export function listens(owner: Ports, open: readonly Pick<OpenPort, 'protocol' | 'port' | 'loopback'>[]): boolean {
  const said = [...owner.exposedPorts, ...Object.keys(owner.portBindings)].map(rangeOf)
  return open.some(
    ({ protocol, port, loopback }) =>
      !loopback &&
      (said.length === 0
        ? protocol === 'tcp'
        : said.some(range => range.protocol === protocol && range.low <= port && port <= range.high)),
  )
}

function rangeOf(text: string): { protocol: string; low: number; high: number } {
  const [ports = '', protocol = 'tcp'] = text.split('/')
  const [low, high = low] = ports.split('-').map(Number)
  return { protocol: protocol.toLowerCase(), low: low ?? 0, high: high ?? 0 }
}
