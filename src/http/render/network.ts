import type { AttachedContainer, ServiceReplicas } from '#engine/networks/index.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { NetworkContainerJson, NetworkInspect, NetworkServiceJson } from '#wire/index.ts'

/** `GET /networks/{id}`; the list shows no containers. */
export function networkInspect(
  network: NetworkRecord,
  attached: readonly AttachedContainer[] = [],
  services: readonly ServiceReplicas[] = [],
): NetworkInspect {
  const containers: Record<string, NetworkContainerJson> = {}
  for (const { containerId, containerName, endpoint } of attached) {
    containers[containerId] = {
      Name: containerName,
      EndpointID: endpoint.endpointId,
      MacAddress: endpoint.mac,
      IPv4Address: endpoint.ipv4 && `${endpoint.ipv4}/${endpoint.ipv4PrefixLength}`,
      IPv6Address: endpoint.ipv6 && `${endpoint.ipv6}/${endpoint.ipv6PrefixLength}`,
    }
  }
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: network.scope,
    Driver: network.driver,
    EnableIPv4: network.enableIPv4,
    EnableIPv6: network.enableIPv6,
    IPAM: network.ipam,
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: network.ingress,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: containers,
    Options: network.options,
    Labels: network.labels,
    ...(services.length > 0 ? { Services: servicesJson(services) } : {}),
  }
}

function servicesJson(services: readonly ServiceReplicas[]): Record<string, NetworkServiceJson> {
  return Object.fromEntries(
    services.map(({ project, service, vip, replicas }) => {
      const published = replicas.flatMap(replica => replica.ports)
      const ports = published.map(port => `Target: ${port.containerPort}, Publish: ${port.hostPort}`)
      const tasks = replicas.map(({ containerName, endpoint, state }) => ({
        Name: containerName,
        EndpointID: endpoint.endpointId,
        EndpointIP: endpoint.ipv4 || endpoint.ipv6,
        Info: { State: state },
      }))
      return [`${project}_${service}`, { VIP: vip, Ports: [...new Set(ports)], LocalLBIndex: 0, Tasks: tasks }]
    }),
  )
}
