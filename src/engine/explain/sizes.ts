import type { Report } from '#model/report.ts'
import type { ExplainOptions } from './context.ts'
import { PROBE_TIMEOUT } from './context.ts'

/** Bytes of a packet that goes through wherever IP does. */
const SMALL = 576

/** Whether packets as large as the source's interface allows arrive: a path that drops them hangs TLS (moby#22297). */
export async function judgeSizes(
  ctx: ExplainOptions,
  report: Report,
  way: { from: string; sandbox: string | undefined; to: string; address: string; mtu: number },
  links: readonly { name: string; mtu: number }[],
): Promise<void> {
  const options = { timeoutMs: PROBE_TIMEOUT / 2, ...(way.sandbox !== undefined && { sandbox: way.sandbox }) }
  const ping = (bytes: number) => ctx.inspector.ping(way.address, { ...options, bytes })
  const [full, small] = await Promise.all([ping(way.mtu), ping(Math.min(SMALL, way.mtu))])
  const subject = `packet size from ${way.from} to ${way.to}`
  if (full) return report.ok('mtu', subject, `${way.mtu} bytes arrive`)
  if (!small) return report.skip('mtu', subject, 'echo requests are not answered, so that it cannot be tried')
  const narrow = links.filter(link => link.mtu < way.mtu).sort((a, b) => a.mtu - b.mtu)[0]
  const detail = narrow ? `${narrow.name} takes ${narrow.mtu} only` : `${way.mtu} bytes do not arrive, ${SMALL} do`
  report.fail(
    'mtu',
    subject,
    detail,
    'mtu-too-big',
    `${way.from} sends packets of ${way.mtu} bytes, which do not arrive at ${way.to}: ${detail}`,
    narrow
      ? `ip link set ${narrow.name} mtu ${way.mtu}`
      : `berth network create -o com.docker.network.driver.mtu=${SMALL * 2} …`,
  )
}

/** Whether a namespace can track one more connection. */
export function judgeConntrack(ctx: ExplainOptions, report: Report, where: string, sandbox?: string): void {
  const table = ctx.inspector.conntrack(sandbox)
  if (!table) return
  const subject = `connection tracking of ${where}`
  if (table.count < table.max) return report.ok('conntrack', subject, `${table.count} of ${table.max} flows`)
  report.fail(
    'conntrack',
    subject,
    `is full: ${table.count} of ${table.max} flows`,
    'conntrack-full',
    `connection tracking of ${where} is full, so that new connections are dropped`,
    `sysctl -w net.netfilter.nf_conntrack_max=${Math.max(65_536, table.max * 2)}`,
  )
}
