import { unavailable } from '#lib/errors.ts'
import { formatAddress, lastOf, parseCidr } from './address.ts'
import type { Cidr } from './address.ts'

/** Something that a new subnet must not overlap, and how to name it to the user. */
export interface Claim {
  cidr: Cidr
  /** `network web`, `route via eth0`. */
  holder: string
}

/** Subnets of `size` bits out of `base`. */
export interface AddressPool {
  /** CIDR, IPv4. */
  base: string
  size: number
}

/** Docker's own order first, then more than Docker has: 15 + 16 + 16,384 subnets. */
const DEFAULT_POOLS: readonly { from: string; count: number; prefix: number }[] = [
  { from: '172.17.0.0', count: 15, prefix: 16 },
  { from: '192.168.0.0', count: 16, prefix: 20 },
  { from: '10.192.0.0', count: 16_384, prefix: 24 },
]

function rangesOf(pools: readonly AddressPool[]): typeof DEFAULT_POOLS {
  if (pools.length === 0) return DEFAULT_POOLS
  return pools.map(({ base, size }) => {
    const { cidr } = parseCidr(base)!
    return { from: formatAddress({ family: 4, value: cidr.base }), count: 2 ** (size - cidr.prefix), prefix: size }
  })
}

/**
 * The first default subnet that overlaps no claim.
 * @param configured in place of the built-in pools
 * @throws unavailable naming what stands in the way
 */
export function choosePool4(claims: readonly Claim[], configured: readonly AddressPool[] = []): Cidr {
  // As plain numbers: 500 networks against 500 claims would be slow in bigint.
  const taken = claims
    .filter(claim => claim.cidr.family === 4 && claim.cidr.prefix > 0)
    .map(claim => ({ low: Number(claim.cidr.base), high: Number(lastOf(claim.cidr)), holder: claim.holder }))
  const blockers = new Set<string>()
  const networks = new Set<string>()
  for (const pool of rangesOf(configured)) {
    const start = Number(parseCidr(`${pool.from}/32`)!.cidr.base)
    const step = 2 ** (32 - pool.prefix)
    const covered = new Uint8Array(pool.count)
    for (const { low, high, holder } of taken) {
      const first = Math.max(0, Math.floor((low - start) / step))
      const last = Math.min(pool.count - 1, Math.floor((high - start) / step))
      if (first > last) continue
      covered.fill(1, first, last + 1)
      if (holder.startsWith('network ')) networks.add(holder)
      else if (blockers.size < 5) blockers.add(holder)
    }
    const free = covered.indexOf(0)
    if (free >= 0) return { family: 4, base: BigInt(start + free * step), prefix: pool.prefix }
  }
  const held = [
    ...(networks.size > 0 ? [networks.size > 3 ? `${networks.size} networks` : [...networks].join(', ')] : []),
    ...blockers,
  ]
  const because = held.length > 0 ? ` (in the way: ${held.join(', ')})` : ''
  throw unavailable(
    `could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network${because}: give one with --subnet, or the daemon more with --default-address-pool`,
  )
}

/**
 * A /64 of the unique local range fd00::/8 (RFC 4193). The global id is fixed by `globalId` (5 bytes, hex), the subnet id
 * counts up.
 */
export function choosePool6(claims: readonly Claim[], globalId: string): Cidr {
  for (let subnet = 0; subnet < 65_536; subnet++) {
    const base = (BigInt(`0xfd${globalId}`) << 80n) | (BigInt(subnet) << 64n)
    const cidr: Cidr = { family: 6, base, prefix: 64 }
    const high = lastOf(cidr)
    const clash = claims.some(
      ({ cidr: other }) => other.family === 6 && other.prefix > 0 && other.base <= high && base <= lastOf(other),
    )
    if (!clash) return cidr
  }
  throw unavailable(
    `could not find an available, non-overlapping IPv6 address pool in fd${globalId}: give one with --subnet`,
  )
}

/** What a user's own subnet may not overlap: other networks. @returns the claim in the way */
export function clashOf(cidr: Cidr, claims: readonly Claim[]): Claim | undefined {
  return claims.find(({ cidr: other }) => {
    return other.family === cidr.family && other.base <= lastOf(cidr) && cidr.base <= lastOf(other)
  })
}
