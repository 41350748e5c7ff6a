import type { PortSummary } from '#wire/index.ts'

/** `0.0.0.0:8080->80/tcp, 443/tcp`, as `ps` shows them. */
export function publishedPorts(ports: readonly PortSummary[]): string {
  return ports
    .map(port => {
      const inside = `${port.PrivatePort}/${port.Type}`
      if (port.PublicPort === undefined) return inside
      const ip = port.IP?.includes(':') ? `[${port.IP}]` : (port.IP ?? '')
      return `${ip}:${port.PublicPort}->${inside}`
    })
    .join(', ')
}
