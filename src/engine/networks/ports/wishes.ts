import { invalid } from '#lib/errors.ts'
import type { PortBinding } from '#model/config.ts'
import type { PublishedPort } from '#model/container.ts'
import { formatAddress, parseAddress } from '../ipam/address.ts'

export type Protocol = PublishedPort['protocol']

/** One publication that a user asks for, not yet bound to a host port. */
export interface PortWish {
  containerPort: number
  protocol: Protocol
  /** '' is every address. */
  hostIp: string
  /** First and last acceptable host port; 0 and 0 ask for an ephemeral one. */
  low: number
  high: number
}

interface PortRequest {
  exposedPorts: readonly string[]
  portBindings: Readonly<Record<string, readonly PortBinding[] | null>>
  publishAllPorts: boolean
}

/**
 * What is to be published, in order of the request.
 * @throws invalid in Docker's words
 */
export function parseWishes(request: PortRequest): PortWish[] {
  const wishes: PortWish[] = []
  const bound = new Set<string>()
  for (const [key, bindings] of Object.entries(request.portBindings)) {
    const { low, high, protocol } = containerPorts(key)
    for (const binding of bindings ?? []) {
      const hostIp = hostAddress(binding.HostIp)
      const host = portRange(binding.HostPort || '0')
      if (!host) throw invalid(`invalid port specification: "${binding.HostPort}"`)
      const count = high - low + 1
      if (count > 1 && host.high !== 0 && host.high - host.low + 1 !== count) {
        throw invalid(`invalid ranges specified for container and host Ports: ${key} and ${binding.HostPort}`)
      }
      for (let port = low; port <= high; port++) {
        bound.add(`${port}/${protocol}`)
        const own = count > 1 && host.high !== 0 ? host.low + port - low : undefined
        wishes.push({ containerPort: port, protocol, hostIp, low: own ?? host.low, high: own ?? host.high })
      }
    }
  }
  for (const key of request.publishAllPorts ? request.exposedPorts : []) {
    const { low, high, protocol } = containerPorts(key)
    for (let port = low; port <= high; port++) {
      if (bound.has(`${port}/${protocol}`)) continue
      bound.add(`${port}/${protocol}`)
      wishes.push({ containerPort: port, protocol, hostIp: '', low: 0, high: 0 })
    }
  }
  return wishes
}

function containerPorts(key: string): { low: number; high: number; protocol: Protocol } {
  const [ports = '', protocol = 'tcp', ...rest] = key.split('/')
  const range = portRange(ports)
  if (!range || range.low === 0 || rest.length > 0) throw invalid(`invalid port specification: "${key}"`)
  const name = protocol.toLowerCase()
  if (name !== 'tcp' && name !== 'udp' && name !== 'sctp') throw invalid(`invalid proto: ${protocol}`)
  return { ...range, protocol: name }
}

function portRange(text: string): { low: number; high: number } | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  if (!match) return undefined
  const low = Number(match[1])
  const high = Number(match[2] ?? low)
  if (low > 65_535 || high > 65_535 || high < low || (low === 0 && high !== 0)) return undefined
  return { low, high }
}

function hostAddress(text: string | undefined): string {
  if (!text) return ''
  const address = parseAddress(text.replace(/^\[(.*)\]$/, '$1'))
  if (!address) throw invalid(`invalid IP address: ${text}`)
  return formatAddress(address)
}
