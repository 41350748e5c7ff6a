import type { PortBinding } from '#model/config.ts'
import { isAlive } from '#model/container-state.ts'
import type { ContainerRecord, EndpointRecord } from '#model/container.ts'
import type { EndpointSettings, NetworkSettings, PortSummary } from '#wire/index.ts'

const DEFAULT_NETWORK = 'bridge'

/** `NetworkSettings` of inspect; the fields beside `Networks` show the default bridge, as they always did. */
export function networkSettings(record: ContainerRecord): NetworkSettings {
  const networks = endpoints(record)
  const bridge = networks[DEFAULT_NETWORK]
  return {
    Bridge: '',
    SandboxID: record.sandboxPath === '' ? '' : record.id,
    SandboxKey: record.sandboxPath,
    Ports: portMap(record),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.EndpointID ?? '',
    Gateway: bridge?.Gateway ?? '',
    GlobalIPv6Address: bridge?.GlobalIPv6Address ?? '',
    GlobalIPv6PrefixLen: bridge?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge?.IPAddress ?? '',
    IPPrefixLen: bridge?.IPPrefixLen ?? 0,
    IPv6Gateway: bridge?.IPv6Gateway ?? '',
    MacAddress: bridge?.MacAddress ?? '',
    Networks: networks,
  }
}

/** `Networks` by name; never null. */
export function endpoints(record: ContainerRecord): Record<string, EndpointSettings> {
  const result: Record<string, EndpointSettings> = {}
  for (const name in record.endpoints) result[name] = endpointSettings(record.endpoints[name]!)
  return result
}

function endpointSettings(endpoint: EndpointRecord): EndpointSettings {
  const { request } = endpoint
  return {
    IPAMConfig: request.IPAMConfig ?? null,
    Links: request.Links ?? null,
    Aliases: request.Aliases ?? null,
    MacAddress: endpoint.mac || (request.MacAddress ?? ''),
    DriverOpts: request.DriverOpts ?? null,
    GwPriority: request.GwPriority ?? 0,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.endpointId,
    Gateway: endpoint.ipv4Gateway,
    IPAddress: endpoint.ipv4,
    IPPrefixLen: endpoint.ipv4PrefixLength,
    IPv6Gateway: endpoint.ipv6Gateway,
    GlobalIPv6Address: endpoint.ipv6,
    GlobalIPv6PrefixLen: endpoint.ipv6PrefixLength,
    DNSNames: endpoint.dnsNames.length > 0 ? endpoint.dnsNames : null,
  }
}

/** Exposed ports of a live container to where they are published; null for one that is not. */
function portMap(record: ContainerRecord): Record<string, PortBinding[] | null> {
  const ports: Record<string, PortBinding[] | null> = {}
  if (!isAlive(record.state) || record.hostConfig.NetworkMode === 'host') return ports
  for (const port of exposedPorts(record)) ports[port] = null
  for (const { containerPort, protocol, hostIp, hostPort } of record.publishedPorts) {
    const list = (ports[`${containerPort}/${protocol}`] ??= [])
    list.push({ HostIp: hostIp, HostPort: String(hostPort) })
  }
  return ports
}

/** `Ports` of the list. */
export function portSummaries(record: ContainerRecord): PortSummary[] {
  if (!isAlive(record.state) || record.hostConfig.NetworkMode === 'host') return []
  const published = new Set<string>()
  const list = record.publishedPorts.map(({ containerPort, protocol, hostIp, hostPort }): PortSummary => {
    published.add(`${containerPort}/${protocol}`)
    return { IP: hostIp, PrivatePort: containerPort, PublicPort: hostPort, Type: protocol }
  })
  for (const port of exposedPorts(record)) {
    if (published.has(port)) continue
    const [number, protocol = 'tcp'] = port.split('/')
    list.push({ PrivatePort: Number(number), Type: protocol as PortSummary['Type'] })
  }
  return list
}

/** `80/tcp` for each port of each range. */
function exposedPorts(record: ContainerRecord): string[] {
  return Object.keys(record.config.ExposedPorts ?? {}).flatMap(spec => {
    const [range = '', protocol = 'tcp'] = spec.toLowerCase().split('/')
    const [from, to = from] = range.split('-').map(Number)
    return Array.from({ length: to! - from! + 1 }, (_, i) => `${from! + i}/${protocol}`)
  })
}
