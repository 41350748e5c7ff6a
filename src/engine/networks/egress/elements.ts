import type { EndpointRecord } from '#model/container.ts'
import { egressNameMatches } from '#model/egress.ts'
import type { Context, LiveSandbox } from '../context.ts'
import type { Element } from '../firewall/ruleset.ts'
import { bitsOf, cidrOf, formatAddress, formatCidr, parseAddress, type Cidr, type Family } from '../ipam/address.ts'
import { fixedParts, spaceAt, withParts } from './parts.ts'
import { policiesOf } from './policies.ts'
import { isEverything, portSpace, slices, union, type Space } from './space.ts'
import type { Part, Source } from './state.ts'

/** The addresses of the sandbox that a policy limits. */
export function sourcesOf(ctx: Context, sandbox: LiveSandbox): Source[] {
  return [...sandbox.endpoints.values()].flatMap(endpoint => {
    const policies = policiesOf(ctx, sandbox.owner, endpoint)
    if (policies.length === 0) return []
    return addressesOf(endpoint).map(([family, address]) => {
      const fixed = withParts(fixedParts(policies, family), resolvers(sandbox, family))
      return { address, family, mac: endpoint.mac, policies, fixed }
    })
  })
}

function addressesOf({ ipv4, ipv6 }: EndpointRecord): [Family, string][] {
  return [...(ipv4 ? [[4, ipv4] as [Family, string]] : []), ...(ipv6 ? [[6, ipv6] as [Family, string]] : [])]
}

/** The resolver asks servers of `--dns` from where the container is, under its address. */
function resolvers(sandbox: LiveSandbox, family: Family): Part[] {
  return sandbox.owner.dns.flatMap(text => {
    const address = parseAddress(text)
    if (address?.family !== family) return []
    return [{ cidr: cidrOf(address, bitsOf(family)), space: portSpace('', { low: 53, high: 53 }) }]
  })
}

export function fixedElements(sources: readonly Source[]): Element[] {
  const macs = new Set(sources.flatMap(source => source.mac || []))
  const known = Array.from(macs, key => ({ set: 'egress_macs', key }) as const)
  const addresses = sources.flatMap(({ address, family, fixed }) => [
    { set: `egress_limited${family}`, key: address } as const,
    { set: `egress_dropped${family}`, key: address } as const,
    ...fixed.flatMap(({ cidr, space }) => partElements(address, cidr, space)),
  ])
  return [...known, ...addresses]
}

/** What an address that answers gave for names opens. */
export function learnedElements(sources: readonly Source[], text: string, names: Iterable<string>): Element[] {
  const address = parseAddress(text)
  if (!address) return []
  const known = [...names]
  return sources.flatMap(source => {
    if (source.family !== address.family) return []
    const space = spaceAt(source.policies, source.fixed, address, entry =>
      known.some(name => egressNameMatches(entry, name)),
    )
    return partElements(source.address, cidrOf(address, bitsOf(address.family)), space)
  })
}

/** Hash sets where one address and one port are meant, which cost nothing to change; intervals for the rest. */
function partElements(source: string, cidr: Cidr, space: Space): Element[] {
  const { family } = cidr
  const one = cidr.prefix === bitsOf(family)
  const target = one ? formatAddress({ family, value: cidr.base }) : formatCidr(cidr)
  if (one && isEverything(space)) return [{ set: `egress_hosts${family}`, key: `${source} . ${target}` }]
  return slices(union(space)).map(({ protocol, ports, single }) => ({
    set: one && single ? (`egress_ports${family}` as const) : (`egress_ranges${family}` as const),
    key: `${source} . ${target} . ${protocol} . ${ports}`,
  }))
}
