import type { EgressEntry } from '#model/egress.ts'
import {
  bitsOf,
  cidrOf,
  contains,
  formatCidr,
  parseAddress,
  type Address,
  type Cidr,
  type Family,
} from '../ipam/address.ts'
import { difference, intersection, portSpace, union, type Space } from './space.ts'
import type { Part, Policy } from './state.ts'

/** What every one of the policies allows without a name, in parts that do not overlap, widest first. */
export function fixedParts(policies: readonly Policy[], family: Family): Part[] {
  return apart(policies.map(policy => partsOf(policy.entries, family)).reduce(both))
}

/** The same with something of the engine's own beside it. */
export function withParts(parts: readonly Part[], more: readonly Part[]): Part[] {
  return more.length === 0 ? [...parts] : apart([...parts, ...more])
}

/** What is allowed at an address that these names stand for, as far as no fixed part allows it already. */
export function spaceAt(
  policies: readonly Policy[],
  fixed: readonly Part[],
  address: Address,
  matches: (entry: EgressEntry) => boolean,
): Space {
  const allowed = policies
    .map(({ entries }) =>
      union(
        entries.flatMap(entry => {
          const cidr = cidrOfEntry(entry, address.family)
          const applies = entry.kind === 'name' ? matches(entry) : cidr !== undefined && contains(cidr, address)
          return applies ? portSpace(entry.protocol, entry.ports) : []
        }),
      ),
    )
    .reduce(intersection)
  return difference(allowed, spaceOf(fixed, address))
}

const spaceOf = (parts: readonly Part[], address: Address): Space =>
  union(parts.flatMap(part => (contains(part.cidr, address) ? part.space : [])))

function partsOf(entries: readonly EgressEntry[], family: Family): Part[] {
  return entries.flatMap(entry => {
    const cidr = cidrOfEntry(entry, family)
    return cidr ? [{ cidr, space: portSpace(entry.protocol, entry.ports) }] : []
  })
}

function cidrOfEntry(entry: EgressEntry, family: Family): Cidr | undefined {
  if (entry.kind === 'any') return { family, base: 0n, prefix: 0 }
  if (entry.kind === 'name') return undefined
  const address = parseAddress(entry.host)
  return address?.family === family ? cidrOf(address, entry.prefix ?? bitsOf(family)) : undefined
}

function both(a: readonly Part[], b: readonly Part[]): Part[] {
  return a.flatMap(one =>
    b.flatMap(other => {
      const narrow = one.cidr.prefix >= other.cidr.prefix ? one.cidr : other.cidr
      const wide = narrow === one.cidr ? other.cidr : one.cidr
      if (!contains(wide, { family: narrow.family, value: narrow.base })) return []
      const space = intersection(one.space, other.space)
      return space.length > 0 ? [{ cidr: narrow, space }] : []
    }),
  )
}

/** Subnets nest or are disjoint: each keeps what no wider one allows. The kernel refuses intervals that overlap. */
function apart(parts: readonly Part[]): Part[] {
  const merged = new Map<string, Part>()
  for (const { cidr, space } of parts) {
    const key = formatCidr(cidr)
    merged.set(key, { cidr, space: union([...(merged.get(key)?.space ?? []), ...space]) })
  }
  const done: Part[] = []
  for (const { cidr, space } of [...merged.values()].sort((a, b) => a.cidr.prefix - b.cidr.prefix)) {
    const left = difference(space, spaceOf(done, { family: cidr.family, value: cidr.base }))
    if (left.length > 0) done.push({ cidr, space: left })
  }
  return done
}
