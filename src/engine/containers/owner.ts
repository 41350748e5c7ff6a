import type { ContainerRecord, EndpointRecord } from '#model/container.ts'
import type { SandboxOwner } from '#engine/networks/index.ts'

/** What the network layer is told of a container. */
export function ownerOf(record: ContainerRecord): SandboxOwner {
  const { config, hostConfig } = record
  return {
    id: record.id,
    name: record.name,
    hostname: config.Hostname,
    domainname: config.Domainname ?? '',
    dns: hostConfig.Dns ?? [],
    dnsSearch: hostConfig.DnsSearch ?? [],
    dnsOptions: hostConfig.DnsOptions ?? [],
    extraHosts: hostConfig.ExtraHosts ?? [],
    links: hostConfig.Links ?? [],
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    portBindings: hostConfig.PortBindings ?? {},
    publishAllPorts: hostConfig.PublishAllPorts ?? false,
    sysctls: hostConfig.Sysctls ?? {},
    labels: config.Labels ?? {},
    annotations: hostConfig.Annotations ?? {},
  }
}

/** Endpoints as they are once the run is over: what was asked stays, addresses go. */
export function detached(endpoints: Record<string, EndpointRecord>): Record<string, EndpointRecord> {
  return Object.fromEntries(
    Object.entries(endpoints).map(([name, endpoint]) => [
      name,
      {
        ...endpoint,
        endpointId: '',
        ipv4: '',
        ipv4PrefixLength: 0,
        ipv4Gateway: '',
        ipv6: '',
        ipv6PrefixLength: 0,
        ipv6Gateway: '',
        mac: '',
      },
    ]),
  )
}
