import type { EndpointRecord } from '#model/container.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { LinkInfo, Links, RouteSpec } from '#ports/links.ts'
import { formatAddress, parseAddress } from '../ipam/address.ts'
import { contains, parseCidr } from '../ipam/address.ts'
import type { Ipam, Pool } from '../ipam/ipam.ts'
import { randomMac } from '../mac.ts'
import type { ParentedOptions } from './options.ts'

/** The host's own interface on such a network. */
export const shimName = (networkId: string): string => `bs-${networkId.slice(0, 12)}`

/** Holder of the addresses that the host has in a network. */
export const hostHolder = (networkId: string): string => `host:${networkId}`
/** @returns the network's id, undefined for a container's lease */
export const networkOfHolder = (holder: string): string | undefined =>
  holder.startsWith('host:') ? holder.slice('host:'.length) : undefined

/** Name of the auxiliary address (`--aux-address host=…`) that the user may choose for the host. */
const HOST = 'host'

/**
 * Keeps the host's own addresses on the parent from being given to a container: nobody else would, and both would break.
 */
export async function reserveHostAddresses(links: Links, ipam: Ipam, network: NetworkRecord, parent: string) {
  for (const { address, pool } of await hostAddressesOn(links, ipam, network.id, parent)) {
    if (pool.reserved.has(parseAddress(address)!.value)) continue
    const holder = ipam.holder(network.id, address)
    if (!holder) ipam.reserve(network.id, address, hostHolder(network.id), true)
  }
}

async function hostAddressesOn(links: Links, ipam: Ipam, networkId: string, device: string) {
  const own = (await links.addresses()).filter(one => one.device === device)
  return own.flatMap(({ address: text }) => {
    const parsed = parseCidr(text)
    const pool = parsed && ipam.poolFor(networkId, parsed.address)
    return parsed && pool ? [{ address: formatAddress(parsed.address), pool }] : []
  })
}

/**
 * A parent does not see what its children send, and its children not what it sends. So the host gets a child of its own,
 * with one address: the one it has on the parent already, else the auxiliary address named `host`, else one of the pool.
 * It is a /32: the host's LAN stays where it is, and only the containers' own addresses lead over here.
 */
export async function ensureShim(
  links: Links,
  ipam: Ipam,
  network: NetworkRecord,
  parent: LinkInfo,
  { child }: ParentedOptions,
  alias: string,
): Promise<void> {
  const onParent = await hostAddressesOn(links, ipam, network.id, parent.name)
  const addresses = ipam
    .pools(network.id)
    .filter((pool, index, all) => all.findIndex(one => one.subnet.family === pool.subnet.family) === index)
    .map(pool => {
      const shared = onParent.find(one => one.pool.subnet.family === pool.subnet.family)?.address
      const address = shared ?? chosen(network, pool) ?? leased(ipam, network.id, pool)
      return `${address}/${pool.subnet.family === 4 ? 32 : 128}`
    })
  await links.ensureLink({
    name: shimName(network.id),
    kind: child.kind === 'macvlan' ? { kind: 'macvlan', mode: 'bridge' } : child,
    parent: parent.name,
    ...(child.kind === 'macvlan' && { mac: randomMac(network.id) }),
    addresses,
    alias,
  })
}

function chosen(network: NetworkRecord, pool: Pool): string | undefined {
  for (const config of network.ipam.Config) {
    const text = config.AuxiliaryAddresses?.[HOST]
    const address = text === undefined ? undefined : parseAddress(text)
    if (address && contains(pool.subnet, address)) return formatAddress(address)
  }
  return undefined
}

function leased(ipam: Ipam, networkId: string, pool: Pool): string {
  const holder = hostHolder(networkId)
  const held = ipam.leasesOf(holder).find(lease => {
    const address = parseAddress(lease.address)
    return lease.networkId === networkId && address !== undefined && contains(pool.subnet, address)
  })
  return held?.address ?? ipam.allocate(networkId, pool.subnet.family, holder)
}

/** How the host reaches an endpoint. */
export function shimRoutes(networkId: string, endpoint: EndpointRecord): RouteSpec[] {
  const device = shimName(networkId)
  return [
    ...(endpoint.ipv4 ? [{ destination: `${endpoint.ipv4}/32`, device, family: 4 as const }] : []),
    ...(endpoint.ipv6 ? [{ destination: `${endpoint.ipv6}/128`, device, family: 6 as const }] : []),
  ]
}

/** Brings the host's routes to what the endpoints need, after a crash: some have come and gone meanwhile. */
export async function restoreRoutes(links: Links, networkId: string, endpoints: readonly EndpointRecord[]) {
  const wanted = endpoints.flatMap(endpoint => shimRoutes(networkId, endpoint))
  const device = shimName(networkId)
  const present = [...(await links.routes(4)), ...(await links.routes(6))].filter(route => route.device === device)
  const own = new Set((await links.addresses()).filter(one => one.device === device).map(one => one.address))
  const stale = present.filter(
    ({ destination }) =>
      !destination.startsWith('fe80:') &&
      !own.has(destination) &&
      !wanted.some(route => route.destination === destination),
  )
  await links.deleteRoutes(
    undefined,
    stale.map(({ destination }) => ({ destination, device })),
  )
  if (wanted.length > 0) await links.replaceRoutes(undefined, wanted)
}
