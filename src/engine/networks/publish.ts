import { invalid } from '#lib/errors.ts'
import type { EndpointRecord, PublishedPort } from '#model/container.ts'
import type { Context, LiveSandbox } from './context.ts'
import { gatewayEndpoint } from './endpoint.ts'
import type { Element } from './firewall/ruleset.ts'
import { bridgeOptions } from './options.ts'
import { parseWishes } from './ports/wishes.ts'
import type { PortWish } from './ports/wishes.ts'
import type { SandboxOwner } from './service.ts'

/**
 * Host addresses that a wish means for a container with these endpoints. Ports go to the endpoint that carries the
 * default route, so that replies leave by the same way. IPv6 is published only for a container that has an IPv6
 * address: the kernel does not translate between the families, and a proxy process would hide the client's address.
 * No endpoint that leads outside: nothing is published, as in Docker.
 * @throws invalid for an IPv6 host address that cannot work
 */
export function hostAddresses(ctx: Context, endpoints: readonly EndpointRecord[], wish: PortWish): string[] {
  const v4 = publishingEndpoint(ctx, endpoints, 4)
  const v6 = publishingEndpoint(ctx, endpoints, 6)
  if (!v4 && !v6) return []
  if (wish.hostIp === '') {
    const network = v4 && ctx.registry.byId(v4.networkId)
    return [...(network ? [bridgeOptions(network.options).hostBindingIpv4] : []), ...(v6 ? ['::'] : [])]
  }
  if (wish.hostIp.includes(':')) {
    if (v6) return [wish.hostIp]
    if (gatewayEndpoint(ctx, endpoints, 6)) return []
    throw invalid(
      `cannot publish port ${wish.containerPort} on [${wish.hostIp}]: network ${v4!.networkName} has no IPv6, create it with --ipv6`,
    )
  }
  return v4 ? [wish.hostIp] : []
}

/**
 * The endpoint that takes published ports: none when the default route leaves by a network that the host is not between, or
 * that is routed.
 */
export function publishingEndpoint(
  ctx: Context,
  endpoints: Iterable<EndpointRecord>,
  family: 4 | 6,
): EndpointRecord | undefined {
  const endpoint = gatewayEndpoint(ctx, endpoints, family)
  const network = endpoint && ctx.registry.byId(endpoint.networkId)
  if (!network || !ctx.drivers.get(network.driver)?.publishes) return undefined
  return isRouted(ctx, endpoint, family) ? undefined : endpoint
}

/** Ports of the container's own: those that it may share with other replicas are not among them. */
export function plainPorts(ctx: Context, sandbox: LiveSandbox): readonly PublishedPort[] {
  return ctx.balance.shares(sandbox.owner.id) ? [] : sandbox.ports
}

/** Where a published port stands in the packet filter: among those of all host addresses, or with its own. */
export function portSlot({ hostIp, protocol, hostPort }: PublishedPort) {
  const family = hostIp.includes(':') ? 6 : 4
  if (hostIp === '0.0.0.0' || hostIp === '::') {
    return { family, set: `any${family}`, key: `${protocol} . ${hostPort}` } as const
  }
  return { family, set: `host${family}`, key: `${protocol} . ${hostIp} . ${hostPort}` } as const
}

/** What the packet filter must know of published ports, towards where the endpoints are now. */
export function portElements(ctx: Context, sandbox: LiveSandbox): Element[] {
  const all = [...sandbox.endpoints.values()]
  const ports = plainPorts(ctx, sandbox)
  const targets = { 4: publishingEndpoint(ctx, all, 4)?.ipv4, 6: publishingEndpoint(ctx, all, 6)?.ipv6 }
  const translated = ports.flatMap((port): Element[] => {
    const { family, set, key } = portSlot(port)
    const target = targets[family]
    return target ? [{ set, key, value: `${target} . ${port.containerPort}` }] : []
  })
  return [...translated, ...routedElements(ctx, sandbox.owner, all)]
}

/** Ports of a container in a network without translation: they are reached at its own address. */
function routedElements(ctx: Context, owner: SandboxOwner, endpoints: readonly EndpointRecord[]): Element[] {
  return ([4, 6] as const).flatMap((family): Element[] => {
    const endpoint = gatewayEndpoint(ctx, endpoints, family)
    if (!endpoint || !isRouted(ctx, endpoint, family)) return []
    const address = family === 4 ? endpoint.ipv4 : endpoint.ipv6
    const keys = parseWishes(owner).map(({ protocol, containerPort }) => `${address} . ${protocol} . ${containerPort}`)
    return Array.from(new Set(keys), key => ({ set: `routed_ports${family}`, key }))
  })
}

function isRouted(ctx: Context, endpoint: EndpointRecord, family: 4 | 6): boolean {
  const network = ctx.registry.byId(endpoint.networkId)
  return network?.driver === 'bridge' && bridgeOptions(network.options).gatewayMode[family] === 'routed'
}

/** Above this the flows of a busy host are left to time out (30 s for UDP): each forgetting walks the flow table. */
const MANY = 32

/**
 * UDP has no connection to break: a client that kept sending while nobody was published stays on its old flow until the
 * flow is forgotten.
 */
export function forgetUdpFlows(ctx: Context, ports: readonly PublishedPort[]): void {
  const udp = new Set(ports.flatMap(port => (port.protocol === 'udp' ? [port.hostPort] : [])))
  if (udp.size > MANY) return
  for (const hostPort of udp) {
    void ctx.firewall
      .forgetFlows({ protocol: 'udp', hostPort })
      .catch((error: unknown) => ctx.log.debug('flows not forgotten', { hostPort, error: String(error) }))
  }
}
