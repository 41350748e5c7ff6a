import type { PortSummary } from '#wire/index.ts'
import { compareText } from '../render/order.ts'

const hostPort = (ip: string, port: number | string) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)

/** The PORTS column: `0.0.0.0:80-81->80-81/tcp, 90/udp`; runs of equal host and container ports are one entry. */
export function displayPorts(ports: readonly PortSummary[]): string {
  const sorted = ports.toSorted(
    (a, b) =>
      a.PrivatePort - b.PrivatePort ||
      compareText(a.IP ?? '', b.IP ?? '') ||
      (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
      compareText(a.Type, b.Type),
  )
  const runs = new Map<string, { ip: string; type: string; first: number; last: number }>()
  const done: string[] = []
  const mapped: string[] = []
  const show = ({ ip, type, first, last }: { ip: string; type: string; first: number; last: number }) => {
    const range = first === last ? String(first) : `${first}-${last}`
    return `${ip === '' ? '' : `${hostPort(ip, range)}->`}${range}/${type}`
  }
  for (const { PrivatePort, PublicPort, IP = '', Type } of sorted) {
    if (IP !== '' && PublicPort !== PrivatePort) {
      mapped.push(`${hostPort(IP, PublicPort ?? 0)}->${PrivatePort}/${Type}`)
      continue
    }
    const key = `${IP}/${Type}`
    const run = runs.get(key)
    if (run && PrivatePort === run.last + 1) run.last = PrivatePort
    else {
      if (run) done.push(show(run))
      runs.set(key, { ip: IP, type: Type, first: PrivatePort, last: PrivatePort })
    }
  }
  return [...done, ...Array.from(runs.values(), show), ...mapped].join(', ')
}
