import { translate } from './translate.ts'

/** `nft -j list ruleset` (libnftables-json(5)) as chains with their rules, and sets. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export interface Rule {
  handle: number
  comment: string
  expressions: Json[]
  /** As nft(8) printed it, for rules that were read from that. */
  printed?: string
}

export interface Chain {
  family: string
  table: string
  name: string
  /** Of a base chain. */
  hook?: string
  type?: string
  /** Of an ingress chain: the devices whose packets it sees. */
  devices?: string[]
  priority: number
  policy: 'accept' | 'drop'
  rules: Rule[]
}

export interface Ruleset {
  /** By `family table name`. */
  chains: ReadonlyMap<string, Chain>
  /** Elements of sets and maps (pairs), by `family table name`. */
  sets: ReadonlyMap<string, Json[]>
  /** Base chains in the order in which the kernel asks them, for each hook. */
  hooks: ReadonlyMap<string, Chain[]>
  /** Some rule gives packets marks: what mark one has is not known then. */
  setsMarks: boolean
}

export const chainKey = (family: string, table: string, name: string): string => `${family} ${table} ${name}`

/** What it does not know (flowtables, counters, quotas) it leaves out. */
export function parseRuleset(listing: unknown): Ruleset {
  const chains = new Map<string, Chain>()
  const sets = new Map<string, Json[]>()
  const objects = (listing as { nftables?: Json[] } | undefined)?.nftables ?? []
  const rules: { key: string; rule: Rule }[] = []
  for (const entry of objects) {
    const { chain, rule, set, map } = fields(entry)
    if (chain !== undefined) {
      const { family, table, name, hook, type, prio, policy, dev } = fields(chain)
      chains.set(chainKey(text(family), text(table), text(name)), {
        family: text(family),
        table: text(table),
        name: text(name),
        ...(typeof hook === 'string' && { hook, type: text(type) }),
        ...(dev !== undefined && { devices: (Array.isArray(dev) ? dev : [dev]).map(text) }),
        priority: typeof prio === 'number' ? prio : 0,
        policy: policy === 'drop' ? 'drop' : 'accept',
        rules: [],
      })
    } else if (rule !== undefined) {
      const { family, table, chain: name, handle, comment, expr, text: printed } = fields(rule)
      rules.push({
        key: chainKey(text(family), text(table), text(name)),
        rule: {
          handle: typeof handle === 'number' ? handle : 0,
          comment: text(comment),
          ...(typeof printed === 'string' && {
            printed: printed.replaceAll(/counter packets \d+ bytes \d+ /g, '').trim(),
          }),
          expressions: typeof printed === 'string' ? translate(printed) : Array.isArray(expr) ? expr : [],
        },
      })
    } else if (set !== undefined || map !== undefined) {
      const { family, table, name, elem } = fields(set ?? map!)
      sets.set(chainKey(text(family), text(table), text(name)), Array.isArray(elem) ? elem : [])
    }
  }
  for (const { key, rule } of rules) chains.get(key)?.rules.push(rule)
  const hooks = new Map<string, Chain[]>()
  for (const chain of chains.values()) {
    if (chain.hook === undefined) continue
    const list = hooks.get(chain.hook) ?? []
    list.push(chain)
    hooks.set(chain.hook, list)
  }
  for (const list of hooks.values()) list.sort((a, b) => a.priority - b.priority)
  const setsMarks = rules.some(({ rule }) => rule.expressions.some(marks))
  return { chains, sets, hooks, setsMarks }
}

function marks(expression: Json): boolean {
  const { mangle, xt } = fields(expression)
  return mangle !== undefined || text(fields(xt).name).endsWith('MARK')
}

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

/** The members of a JSON object; none for anything else. */
export function fields(value: Json | undefined): { [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {}
}
