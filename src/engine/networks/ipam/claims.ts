import type { Context } from '../context.ts'
import { parseCidr } from './address.ts'
import type { Claim } from './pools.ts'

/** Our own networks. */
export function networkClaims(ctx: Context): Claim[] {
  return ctx.registry.all().flatMap(network =>
    network.ipam.Config.flatMap(pool => {
      const parsed = parseCidr(pool.Subnet)
      return parsed ? [{ cidr: parsed.cidr, holder: `network ${network.name}` }] : []
    }),
  )
}

/** What the host routes or has now: a VPN, a LAN, another engine's networks. */
export async function hostClaims(ctx: Context): Promise<Claim[]> {
  const [routes4, routes6, addresses] = await Promise.all([
    ctx.links.routes(4),
    ctx.links.routes(6),
    ctx.links.addresses(),
  ])
  const own = new Set(ctx.registry.all().map(network => network.bridgeName))
  const others = [
    ...[...routes4, ...routes6].map(route => ({ text: route.destination, device: route.device, what: 'route' })),
    ...addresses.map(address => ({ text: address.address, device: address.device, what: 'address' })),
  ]
  const found: Claim[] = []
  const seen = new Set<string>()
  for (const { text, device, what } of others) {
    if (own.has(device) || device === 'lo' || seen.has(text)) continue
    seen.add(text)
    const parsed = parseCidr(text)
    // The default route says nothing about who is there.
    if (!parsed || parsed.cidr.prefix === 0) continue
    found.push({ cidr: parsed.cidr, holder: `${what} ${text} via ${device}` })
  }
  return found
}
