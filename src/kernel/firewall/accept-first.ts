import type { AcceptRule } from '#ports/firewall.ts'

type Run = (script: string) => Promise<string>

interface BaseChain {
  family: string
  table: string
  name: string
}

/** What may stand in a script without quotes. */
const PLAIN = /^[A-Za-z_][\w.-]*$/

/**
 * Sees to it that each chain of somebody else at the forward hook begins with one rule that accepts what bears our mark, or
 * that none has one. Other rules are not touched. @returns chains that were changed
 */
export async function acceptFirst(run: Run, { mark, comment }: AcceptRule, present: boolean): Promise<number> {
  let script = ''
  let changed = 0
  for (const { family, table, name } of await forwardChains(run)) {
    const rules = await rulesOf(run, `${family} ${table} ${name}`)
    const ours = rules.filter(rule => rule.comment === comment)
    if (present ? rules[0] === ours[0] && ours.length === 1 : ours.length === 0) continue
    changed++
    for (const { handle } of ours) script += `delete rule ${family} ${table} ${name} handle ${handle}\n`
    if (present) {
      script += `insert rule ${family} ${table} ${name} meta mark & ${mark} == ${mark} accept comment "${comment}"\n`
    }
  }
  if (script !== '') await run(script)
  return changed
}

async function forwardChains(run: Run): Promise<BaseChain[]> {
  const listing = JSON.parse(await run('list chains')) as {
    nftables: { chain?: BaseChain & { hook?: string; type?: string; prio?: number } }[]
  }
  return listing.nftables.flatMap(({ chain }) => {
    if (!chain || chain.hook !== 'forward' || chain.type !== 'filter') return []
    // Around `filter`: those of `mangle` and `security` change packets, which an accept would pass over.
    if (Math.abs(chain.prio ?? 0) >= 50) return []
    if (!['ip', 'ip6', 'inet'].includes(chain.family) || chain.table.startsWith('berth')) return []
    return PLAIN.test(chain.table) && PLAIN.test(chain.name) ? [chain] : []
  })
}

async function rulesOf(run: Run, chain: string): Promise<{ handle: number; comment?: string }[]> {
  const listing = JSON.parse(await run(`list chain ${chain}`)) as {
    nftables: { rule?: { handle: number; comment?: string } }[]
  }
  return listing.nftables.flatMap(({ rule }) => (rule ? [rule] : []))
}
