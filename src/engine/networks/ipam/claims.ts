import type { Context } from '../context.ts'
import { shimName } from '../parented/shim.ts'
import { parseCidr } from './address.ts'
import type { Claim } from './pools.ts'

/** Our own networks. */
export function networkClaims(ctx: Context): Claim[] {
  return ctx.registry
    .all()
    .flatMap(network =>
      ctx.ipam.pools(network.id).map(({ subnet }) => ({ cidr: subnet, holder: `network ${network.name}` })),
    )
}

/** What the host routes or has now: a VPN, a LAN, another engine's networks. */
export async function hostClaims(ctx: Context): Promise<Claim[]> {
  // The host's own interfaces on macvlan networks have one route a container.
  const own = new Set(ctx.registry.all().flatMap(network => [network.bridgeName, shimName(network.id)]))
  const found: Claim[] = []
  const seen = new Set<string>()
  for (const { subnet: text, device, what } of await ctx.links.hostSubnets(own)) {
    if (device === 'lo' || seen.has(text)) continue
    seen.add(text)
    const parsed = parseCidr(text)
    // The default route says nothing about who is there.
    if (!parsed || parsed.cidr.prefix === 0) continue
    found.push({ cidr: parsed.cidr, holder: `${what} ${text} via ${device}` })
  }
  return found
}
