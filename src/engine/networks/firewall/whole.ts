import { SETS } from './ruleset.ts'
import type { Elements, SetName } from './ruleset.ts'

/** Chains and rules that the table's text has. */
export function countOf(script: string): { chains: number; rules: number } {
  const count = { chains: 0, rules: 0 }
  let inChain = false
  for (const line of script.split('\n').map(text => text.trim())) {
    if (line.startsWith('chain ')) count.chains++
    if (line.endsWith('{')) inChain = line.startsWith('chain ')
    else if (line === '}') inChain = false
    else if (inChain && line !== '' && !line.startsWith('#') && !line.startsWith('type ')) count.rules++
  }
  return count
}

interface Listing {
  nftables?: {
    chain?: unknown
    rule?: unknown
    set?: { name: string; elem?: unknown[] }
    map?: { name: string; elem?: unknown[] }
  }[]
}

/** Whether a table as nft(8) lists it still has all that was put there. More than that is somebody else's business. */
export function isWhole(listing: unknown, script: string, elements: Elements): boolean {
  const found = { chains: 0, rules: 0, sizes: new Map<string, number>() }
  for (const { chain, rule, set, map } of (listing as Listing).nftables ?? []) {
    if (chain) found.chains++
    if (rule) found.rules++
    const named = set ?? map
    if (named) found.sizes.set(named.name, named.elem?.length ?? 0)
  }
  const wanted = countOf(script)
  if (found.chains < wanted.chains || found.rules < wanted.rules) return false
  return (Object.keys(SETS) as SetName[]).every(name => {
    const size = found.sizes.get(name)
    const least = elements[name].size
    if (size === undefined) return false
    // Neighbouring intervals may be listed as one.
    return 'interval' in SETS[name] ? least === 0 || size > 0 : size >= least
  })
}
