import { invalid } from '#lib/errors.ts'
import type { EndpointRecord, PublishedPort } from '#model/container.ts'
import { refreshGroup } from './balance/members.ts'
import type { Context, LiveSandbox } from './context.ts'
import { gatewayEndpoint } from './endpoint.ts'
import type { Element } from './firewall/ruleset.ts'
import { bridgeOptions } from './options.ts'
import type { PortWish } from './ports/wishes.ts'

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
    throw invalid(
      `cannot publish port ${wish.containerPort} on [${wish.hostIp}]: network ${v4!.networkName} has no IPv6, create it with --ipv6`,
    )
  }
  return v4 ? [wish.hostIp] : []
}

/** The endpoint that takes published ports: none when the default route leaves by a network that the host is not between. */
export function publishingEndpoint(
  ctx: Context,
  endpoints: Iterable<EndpointRecord>,
  family: 4 | 6,
): EndpointRecord | undefined {
  const endpoint = gatewayEndpoint(ctx, endpoints, family)
  const network = endpoint && ctx.registry.byId(endpoint.networkId)
  return network && ctx.drivers.get(network.driver)?.publishes ? endpoint : undefined
}

/** Ports of the container's own: those that it may share with other replicas are not among them. */
export function plainPorts(ctx: Context, sandbox: LiveSandbox): readonly PublishedPort[] {
  return ctx.balance.shares(sandbox.owner.id) ? [] : sandbox.ports
}

/** The map elements of published ports, towards where the endpoints are now. */
export function portElements(
  ctx: Context,
  endpoints: Iterable<EndpointRecord>,
  ports: readonly PublishedPort[],
): Element[] {
  const all = [...endpoints]
  const targets = { 4: publishingEndpoint(ctx, all, 4)?.ipv4, 6: publishingEndpoint(ctx, all, 6)?.ipv6 }
  return ports.flatMap(port => {
    const family = port.hostIp.includes(':') ? 6 : 4
    const target = targets[family]
    if (!target) return []
    const wild = port.hostIp === '0.0.0.0' || port.hostIp === '::'
    const set = wild ? (`any${family}` as const) : (`host${family}` as const)
    const key = [port.protocol, ...(wild ? [] : [port.hostIp]), port.hostPort].join(' . ')
    return [{ set, key, value: `${target} . ${port.containerPort}` }]
  })
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

/** Moves the published ports when the endpoint that takes them has changed; one transaction. */
export async function retarget(ctx: Context, sandbox: LiveSandbox, before: readonly Element[]): Promise<void> {
  const member = ctx.balance.members.get(sandbox.owner.id)
  if (member) await refreshGroup(ctx, member.group)
  const after = portElements(ctx, sandbox.endpoints.values(), plainPorts(ctx, sandbox))
  const stays = new Set(after.map(element => `${element.set} ${element.key} ${element.value}`))
  const same = (element: Element) => stays.has(`${element.set} ${element.key} ${element.value}`)
  if (before.length === after.length && before.every(same)) return
  await ctx.filter.change(before, after)
}
