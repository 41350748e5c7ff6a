import type { AttachedContainer } from '#engine/networks/index.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { NetworkContainerJson, NetworkInspect } from '#wire/index.ts'

/** `GET /networks/{id}`; the list shows no containers. */
export function networkInspect(network: NetworkRecord, attached: readonly AttachedContainer[] = []): NetworkInspect {
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
  }
}
