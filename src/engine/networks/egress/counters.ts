import type { Context } from '../context.ts'

/** What a set of the table holds, as nft(8) lists it in JSON. */
interface Listed {
  elem?: { val?: unknown; counter?: { packets?: number }; expires?: number }
}

export interface Seen {
  source: string
  destination: string
  protocol: string
  port: number
  packets: number
  /** Seconds since the last one. */
  ago: number
}

/** Seconds that the packet filter remembers a dropped destination. */
const REMEMBERED = 3600
const PROTOCOLS: Record<number, string> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6', 132: 'sctp' }

/** Packets dropped by source address, as the table has counted them. */
export async function dropCounters(ctx: Context): Promise<Map<string, number>> {
  const sets = await readSets(ctx)
  return countersIn(sets)
}

export async function readDrops(ctx: Context): Promise<{ counters: Map<string, number>; seen: Seen[] }> {
  const sets = await readSets(ctx)
  return { counters: countersIn(sets), seen: seenIn(sets) }
}

type Sets = ReadonlyMap<string, readonly Listed[]>

function countersIn(sets: Sets): Map<string, number> {
  const counters = new Map<string, number>()
  for (const name of ['egress_dropped4', 'egress_dropped6']) {
    for (const { elem } of sets.get(name) ?? []) {
      if (typeof elem?.val === 'string') counters.set(elem.val, elem.counter?.packets ?? 0)
    }
  }
  return counters
}

function seenIn(sets: Sets): Seen[] {
  return ['egress_seen4', 'egress_seen6'].flatMap(name =>
    (sets.get(name) ?? []).flatMap(({ elem }) => {
      const parts = (elem?.val as { concat?: unknown[] } | undefined)?.concat
      if (!Array.isArray(parts) || parts.length < 4) return []
      const [source, destination, protocol, port] = parts
      const named = typeof protocol === 'number' ? (PROTOCOLS[protocol] ?? String(protocol)) : String(protocol)
      return [
        {
          source: String(source),
          destination: String(destination),
          protocol: named,
          port: named === 'tcp' || named === 'udp' || named === 'sctp' ? Number(port) : 0,
          packets: elem?.counter?.packets ?? 0,
          ago: Math.max(0, REMEMBERED - (elem?.expires ?? 0)),
        },
      ]
    }),
  )
}

async function readSets(ctx: Context): Promise<Sets> {
  const listing = (await ctx.firewall.listTable('inet', ctx.table)) as
    { nftables?: { set?: { name?: string; elem?: Listed[] } }[] } | undefined
  const sets = new Map<string, readonly Listed[]>()
  for (const { set } of listing?.nftables ?? [])
    if (set?.name?.startsWith('egress_')) sets.set(set.name, set.elem ?? [])
  return sets
}
