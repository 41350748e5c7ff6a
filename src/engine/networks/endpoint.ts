import { forbidden, isKind } from '#lib/errors.ts'
import type { EndpointRequest } from '#model/config.ts'
import type { EndpointRecord } from '#model/container.ts'
import type { Rollback } from '#lib/rollback.ts'
import type { RouteSpec } from '#ports/links.ts'
import type { Context, StoredNetwork } from './context.ts'
import { formatAddress } from './ipam/address.ts'
import type { Family } from './ipam/address.ts'
import { interfaceName } from './options.ts'
import { checkMac, macOf, randomMac } from './mac.ts'
import { leaseRemote, releaseRemote } from './remote/ipam.ts'
import type { SandboxOwner } from './service.ts'

type Named = Pick<SandboxOwner, 'id' | 'name' | 'hostname'>

/** An attachment as it is kept while the container does not run. */
export function detachedEndpoint(network: StoredNetwork, owner: Named, request: EndpointRequest): EndpointRecord {
  return {
    networkId: network.id,
    networkName: network.name,
    request,
    endpointId: '',
    ipv4: '',
    ipv4PrefixLength: 0,
    ipv4Gateway: '',
    ipv6: '',
    ipv6PrefixLength: 0,
    ipv6Gateway: '',
    mac: request.MacAddress ? checkMac(request.MacAddress) : '',
    dnsNames: dnsNames(network, owner, request),
  }
}

/** Container name, aliases, short id, own hostname; none on the default network, which serves no names. */
export function dnsNames(network: StoredNetwork, owner: Named, request: EndpointRequest): string[] {
  if (network.builtin) return []
  const names = [owner.name, ...(request.Aliases ?? []), owner.id.slice(0, 12), owner.hostname]
  return [...new Set(names.filter(name => name !== ''))]
}

/** Gives the endpoint its id, addresses and MAC. Each lease is given back by the rollback. */
export async function fillEndpoint(
  ctx: Context,
  network: StoredNetwork,
  owner: Named,
  request: EndpointRequest,
  rollback: Pick<Rollback, 'add'>,
): Promise<EndpointRecord> {
  const endpoint = { ...detachedEndpoint(network, owner, request), endpointId: ctx.randomHex(32) }
  if (!ctx.drivers.get(network.driver)!.addressed) return endpoint
  if (network.remotePools?.some(pool => pool.wantsMac)) endpoint.mac ||= randomMac(ctx.randomHex(5))
  const wanted = { 4: request.IPAMConfig?.IPv4Address, 6: request.IPAMConfig?.IPv6Address }
  for (const family of [4, 6] as const) {
    const pool = ctx.ipam.pool(network.id, family)
    if (!pool) continue
    const address = network.remotePools
      ? await leaseRemote(ctx, network, family, { containerId: owner.id, mac: endpoint.mac }, wanted[family])
      : await lease(ctx, network, family, owner.id, wanted[family])
    if (network.remotePools) rollback.add('give the address back', () => releaseRemote(ctx, network, address))
    rollback.add('release address', () => {
      // A claimed address stays with its container.
      if (!wanted[family]) ctx.ipam.release(network.id, address, owner.id)
    })
    const gateway = viaGateway(ctx, network) ? formatAddress(pool.gateway) : ''
    const { prefix } = pool.subnet
    if (family === 4) Object.assign(endpoint, { ipv4: address, ipv4PrefixLength: prefix, ipv4Gateway: gateway })
    else Object.assign(endpoint, { ipv6: address, ipv6PrefixLength: prefix, ipv6Gateway: gateway })
  }
  const holder = endpoint.mac === '' ? undefined : ctx.macs.holder(network.id, endpoint.mac)
  if (holder !== undefined && holder !== owner.id) {
    throw forbidden(
      `MAC address already in use: ${endpoint.mac} of network ${network.name} belongs to container ${containerName(ctx, holder)}`,
    )
  }
  endpoint.mac ||= endpoint.ipv4 ? macOf(endpoint.ipv4) : randomMac(ctx.randomHex(5))
  return endpoint
}

async function lease(
  ctx: Context,
  network: StoredNetwork,
  family: Family,
  containerId: string,
  wanted: string | undefined,
): Promise<string> {
  if (wanted) {
    ctx.ipam.claim(network.id, wanted, containerId)
    const address = ctx.ipam.reserve(network.id, wanted, containerId, true)
    // The interface that had it last may still be on its way out and would answer ARP for it.
    await ctx.draining.get(`${network.id}/${address}`)
    return address
  }
  try {
    return ctx.ipam.allocate(network.id, family, containerId)
  } catch (error) {
    if (!isKind(error, 'unavailable') || ctx.draining.size === 0) throw error
    await Promise.all(ctx.draining.values())
    return ctx.ipam.allocate(network.id, family, containerId)
  }
}

/** Highest gateway priority first, then by network name: the same interfaces at each start (moby#25181). */
export function inOrder<T extends { networkName: string; request: EndpointRequest }>(endpoints: Iterable<T>): T[] {
  return [...endpoints].sort(
    (a, b) =>
      (b.request.GwPriority ?? 0) - (a.request.GwPriority ?? 0) ||
      (a.networkName < b.networkName ? -1 : a.networkName > b.networkName ? 1 : 0),
  )
}

export function leadsOutside(ctx: Context, network: StoredNetwork): boolean {
  return ctx.drivers.get(network.driver)?.leadsOutside?.(network) ?? !network.internal
}

function byDeviceOnly(ctx: Context, endpoint: EndpointRecord): boolean {
  const network = ctx.registry.byId(endpoint.networkId)
  return network !== undefined && ctx.drivers.get(network.driver)?.hasGateway?.(network) === false
}

function viaGateway(ctx: Context, network: StoredNetwork): boolean {
  return ctx.drivers.get(network.driver)?.hasGateway?.(network) ?? !network.internal
}

/**
 * Gives routes their device, found by the endpoint's address. With a gateway alone the kernel may take the interface of
 * an endpoint of the same network that was disconnected a moment ago, and drop the route with it.
 */
export async function byDevice(
  ctx: Context,
  sandboxPath: string,
  endpoints: readonly EndpointRecord[],
  routes: RouteSpec[],
): Promise<RouteSpec[]> {
  if (routes.length === 0) return routes
  const addresses = await ctx.links.addresses(sandboxPath)
  return routes.flatMap(route => {
    const from = gatewayEndpoint(ctx, endpoints, route.family ?? 4)
    const own = route.family === 6 ? from?.ipv6 : from?.ipv4
    const device = addresses.find(one => own && one.address.startsWith(`${own}/`))?.device
    if (device !== undefined) return [{ ...route, device }]
    return route.gateway ? [route] : []
  })
}

/** Which endpoint carries the default route of a family, and takes published ports: the first that leads outside. */
export function gatewayEndpoint(
  ctx: Context,
  endpoints: Iterable<EndpointRecord>,
  family: Family,
): EndpointRecord | undefined {
  return inOrder(endpoints).find(endpoint => {
    const network = ctx.registry.byId(endpoint.networkId)
    return network !== undefined && leadsOutside(ctx, network) && (family === 4 ? endpoint.ipv4 : endpoint.ipv6) !== ''
  })
}

export function defaultRoutes(ctx: Context, endpoints: readonly EndpointRecord[], of?: EndpointRecord): RouteSpec[] {
  const routes: RouteSpec[] = []
  for (const family of [4, 6] as const) {
    const endpoint = gatewayEndpoint(ctx, endpoints, family)
    if (!endpoint || (of && of.endpointId !== endpoint.endpointId)) continue
    const gateway = family === 4 ? endpoint.ipv4Gateway : endpoint.ipv6Gateway
    if (gateway) routes.push({ destination: 'default', gateway, family })
    // Straight by the device: ipvlan in its routed modes has no gateway.
    else if (byDeviceOnly(ctx, endpoint)) routes.push({ destination: 'default', scope: 'link', family })
  }
  return routes
}

/** Names of the interfaces inside, in order of the endpoints: the wished ones, and `eth0`, `eth1`, … for the others. */
export function deviceNames(endpoints: readonly EndpointRecord[]): string[] {
  const wished = endpoints.map(endpoint => interfaceName(endpoint.request.DriverOpts))
  const taken = new Set(wished)
  let next = 0
  return wished.map(name => {
    if (name !== undefined) return name
    while (taken.has(`eth${next}`)) next++
    return `eth${next++}`
  })
}

export const containerName = (ctx: Context, id: string): string => ctx.names.get(id) ?? id.slice(0, 12)
