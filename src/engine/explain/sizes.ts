import type { Report } from '#model/report.ts'
import type { ExplainOptions } from './context.ts'
import { PROBE_TIMEOUT } from './context.ts'

/** Bytes of a packet that goes through wherever IP does. */
const SMALL = 576

export interface SizeFacts {
  /** Of the interface that packets leave by. */
  mtu: number
  /** Whether echo requests of the whole size, and small ones, are answered. */
  full: boolean
  small: boolean
}

export async function lookAtSizes(
  ctx: ExplainOptions,
  address: string,
  mtu: number,
  sandbox: string | undefined,
): Promise<SizeFacts> {
  const options = { timeoutMs: PROBE_TIMEOUT / 2, ...(sandbox !== undefined && { sandbox }) }
  const ping = (bytes: number) => ctx.inspector.ping(address, { ...options, bytes })
  const [full, small] = await Promise.all([ping(mtu), ping(Math.min(SMALL, mtu))])
  // One that was only late is no black hole.
  return { mtu, full: full || (small && (await ping(mtu))), small }
}

/** Whether packets as large as the source's interface allows arrive: a path that drops them hangs TLS (moby#22297). */
export function judgeSizes(
  report: Report,
  { mtu, full, small }: SizeFacts,
  way: { from: string; to: string },
  links: readonly { name: string; mtu: number; where: 'host' | 'container' }[],
): void {
  const subject = `packet size from ${way.from} to ${way.to}`
  if (full) return report.ok('mtu', subject, `${mtu} bytes arrive`)
  if (!small) return report.skip('mtu', subject, 'echo requests are not answered, so that it cannot be tried')
  const [narrow] = links.filter(link => link.mtu < mtu).sort((a, b) => a.mtu - b.mtu)
  const detail = narrow ? `${narrow.name} takes ${narrow.mtu} only` : `${mtu} bytes do not arrive, ${SMALL} do`
  report.fail(
    'mtu',
    subject,
    detail,
    'mtu-too-big',
    `${way.from} sends packets of ${mtu} bytes, which do not arrive at ${way.to}: ${detail}`,
    narrow?.where === 'host' ? `ip link set ${narrow.name} mtu ${mtu}` : '',
  )
}

export interface TrackingFacts {
  where: string
  count: number
  max: number
}

export function lookAtTracking(ctx: ExplainOptions, where: string, sandbox?: string): TrackingFacts[] {
  const table = ctx.inspector.conntrack(sandbox)
  return table ? [{ where, ...table }] : []
}

/** Whether a namespace can track one more connection. */
export function judgeTracking(report: Report, { where, count, max }: TrackingFacts): void {
  const subject = `connection tracking of ${where}`
  if (count < max) return report.ok('conntrack', subject, `${count} of ${max} flows`)
  report.fail(
    'conntrack',
    subject,
    `is full: ${count} of ${max} flows`,
    'conntrack-full',
    `connection tracking of ${where} is full, so that new connections are dropped`,
    `sysctl -w net.netfilter.nf_conntrack_max=${Math.max(65_536, max * 2)}`,
  )
}
