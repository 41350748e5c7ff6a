/** The table inside a client's network namespace that turns a group's address into a replica's. */
export const CLIENT_TABLE = 'berth-vip'

/** One address of a group, and the replicas' addresses of the same family that it may become. */
export interface Translation {
  address: string
  targets: readonly string[]
}

/** Named for its address, so that it is found again after a restart. */
const chainOf = (address: string): string => `vip_${address.replaceAll(':', '_')}`

const v6 = (address: string): boolean => address.includes(':')

const mapOf = (address: string): string => (v6(address) ? 'vips6' : 'vips4')

// Naming what is there already changes nothing, so each script can begin with all of it.
const BASE = `table inet ${CLIENT_TABLE} {
  map vips4 { type ipv4_addr : verdict; }
  map vips6 { type ipv6_addr : verdict; }
  chain output { type nat hook output priority -100; policy accept; }
}
`

const RULES = [
  `add rule inet ${CLIENT_TABLE} output ip daddr vmap @vips4`,
  `add rule inet ${CLIENT_TABLE} output ip6 daddr vmap @vips6`,
]

/**
 * Brings some addresses of the namespace to what they should become. Connections that are translated already stay with
 * their replica. A translation of no targets leads nowhere.
 * @param fresh the table is made anew, whatever was there before
 */
export function clientScript(translations: readonly Translation[], removed: readonly string[], fresh: boolean): string {
  const lines: string[] = []
  if (fresh) lines.push(`add table inet ${CLIENT_TABLE}`, `delete table inet ${CLIENT_TABLE}`, BASE, ...RULES)
  for (const { address, targets } of translations) {
    const chain = `inet ${CLIENT_TABLE} ${chainOf(address)}`
    lines.push(`add chain ${chain}`, `flush chain ${chain}`)
    for (const rule of rulesOf(address, targets)) lines.push(`add rule ${chain} ${rule}`)
    lines.push(`add element inet ${CLIENT_TABLE} ${mapOf(address)} { ${address} : jump ${chainOf(address)} }`)
  }
  for (const address of fresh ? [] : removed) {
    lines.push(
      `delete element inet ${CLIENT_TABLE} ${mapOf(address)} { ${address} }`,
      `flush chain inet ${CLIENT_TABLE} ${chainOf(address)}`,
      `delete chain inet ${CLIENT_TABLE} ${chainOf(address)}`,
    )
  }
  return [...lines, ''].join('\n')
}

/**
 * A random replica, and one of them for certain: a packet that is halfway through the rules when they are replaced finds
 * the elements of the old map gone already (the kernel looks at the generation anew for each look-up).
 */
function rulesOf(address: string, targets: readonly string[]): string[] {
  const to = `dnat ${v6(address) ? 'ip6' : 'ip'} to`
  const slots = targets.map((target, slot) => `${slot} : ${target}`).join(', ')
  return [
    ...(targets.length > 1 ? [`${to} numgen random mod ${targets.length} map { ${slots} }`] : []),
    ...targets.slice(0, 1).map(target => `${to} ${target}`),
  ]
}

/** The addresses that a listing of the table (`nft -j`) has, to be set up again by a daemon that knows nothing. */
export function addressesIn(listing: unknown): string[] {
  const { nftables = [] } = listing as { nftables?: { map?: { name: string; elem?: unknown[] } }[] }
  return nftables.flatMap(({ map }) =>
    map?.name === 'vips4' || map?.name === 'vips6'
      ? (map.elem ?? []).flatMap(element => {
          const key: unknown = Array.isArray(element) ? element[0] : undefined
          return typeof key === 'string' ? [key] : []
        })
      : [],
  )
}
