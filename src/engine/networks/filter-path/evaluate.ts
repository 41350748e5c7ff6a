import { elementsOf, isElement, matches, valueOf } from './match.ts'
import type { Answer } from './match.ts'
import type { FilterStep, FilterVerdict, HookName, Packet } from './packet.ts'
import { ruleText } from './render.ts'
import { chainKey, fields } from './ruleset.ts'
import type { Chain, Json, Rule, Ruleset } from './ruleset.ts'

/** Deeper than the kernel lets chains call each other. */
const MAX_DEPTH = 16

/** Of a nat chain: they end it. */
const TRANSLATIONS = ['dnat', 'snat', 'masquerade', 'redirect', 'tproxy']

type Outcome = 'accept' | 'drop' | 'return' | 'continue'

/** What a walk through one base chain has come upon. */
interface Walk {
  ruleset: Ruleset
  packet: Packet
  /** A rule that may have let it pass already: a later drop is not sure. */
  perhapsAccepted: boolean
  /** A rule that may have dropped it. */
  perhapsDropped: FilterStep | undefined
  droppedBy: FilterStep | undefined
  dnat: { address: string; port?: number } | undefined
}

/**
 * What the chains of every table at a hook do to a packet, in the kernel's order. A table's `accept` ends that table's own
 * base chain only: the next one still judges. Matches that cannot be evaluated (extensions of iptables, counters of
 * connections, …) make a verdict that depends on them `unsure`.
 *
 * @param families of the tables that see the packet; those of the network layer if absent
 */
export function filterAt(
  ruleset: Ruleset,
  hook: HookName,
  packet: Packet,
  families: readonly string[] = ['inet', hook === 'ingress' ? 'netdev' : packet.family === 4 ? 'ip' : 'ip6'],
): FilterVerdict {
  let doubt: FilterStep | undefined
  let dnat: FilterVerdict['dnat']
  let current: Packet = packet.mark === undefined && !ruleset.setsMarks ? { ...packet, mark: 0 } : packet
  for (const chain of ruleset.hooks.get(hook) ?? []) {
    if (!families.includes(chain.family)) continue
    if (chain.devices && packet.iif !== undefined && !chain.devices.includes(packet.iif)) continue
    // Only the first packet of a connection meets the nat chains; what they decided holds for the rest.
    if (chain.type === 'nat' && (packet.state !== 'new' || dnat)) continue
    const walk: Walk = {
      ruleset,
      packet: current,
      perhapsAccepted: false,
      perhapsDropped: undefined,
      droppedBy: undefined,
      dnat: undefined,
    }
    const outcome = throughChain(walk, chain, 0, chain.hook !== 'ingress' || chain.devices !== undefined)
    if (outcome === 'drop') {
      if (!walk.perhapsAccepted) return { verdict: 'drop', by: walk.droppedBy!, ...(dnat && { dnat }) }
      doubt ??= walk.droppedBy
    }
    doubt ??= walk.perhapsDropped
    if (walk.dnat) {
      dnat = walk.dnat
      const { address, port = current.destinationPort } = walk.dnat
      current = { ...current, destination: address, dnat: true, ...(port !== undefined && { destinationPort: port }) }
    }
  }
  const rest = dnat && { dnat }
  return doubt ? { verdict: 'unsure', by: doubt, ...rest } : { verdict: 'pass', ...rest }
}

/** @param sure false inside a jump that may not have been taken */
function throughChain(walk: Walk, chain: Chain, depth: number, sure: boolean): Outcome {
  if (depth > MAX_DEPTH) return 'continue'
  for (const rule of chain.rules) {
    const outcome = throughRule(walk, chain, rule, depth, sure)
    if (outcome === 'return') break
    if (outcome !== 'continue') return outcome
  }
  if (depth > 0) return 'continue'
  if (chain.policy !== 'drop') return 'accept'
  walk.droppedBy = { ...place(chain), rule: 'policy drop', handle: 0, comment: '' }
  return 'drop'
}

const stepOf = (chain: Chain, rule: Rule): FilterStep => ({
  ...place(chain),
  rule: rule.printed ?? ruleText(rule.expressions),
  handle: rule.handle,
  comment: rule.comment,
})

const place = ({ family, table, name }: Chain) => ({ family, table, chain: name })

function throughRule(walk: Walk, chain: Chain, rule: Rule, depth: number, sureOfChain: boolean): Outcome {
  let sure = sureOfChain
  for (const expression of rule.expressions) {
    const statement = fields(expression)
    const answer = conditionOf(walk, chain, statement)
    if (answer === false) return 'continue'
    if (answer === undefined) sure = false
    const outcome = verdictOf(walk, chain, rule, statement, depth, sure)
    if (outcome) return outcome
  }
  return 'continue'
}

/** Whether the rule goes on past this statement. Statements that only do something are always true. */
function conditionOf(walk: Walk, chain: Chain, statement: { [key: string]: Json }): Answer {
  if (statement.match !== undefined) return matches(statement.match, walk.packet, walk.ruleset, chain)
  if (statement.limit !== undefined) return fields(statement.limit).inv === true ? undefined : true
  // A program that reads a queue may drop; an element is added within a limit, or not.
  if (statement.set !== undefined && fields(statement.set).stmt !== undefined) return undefined
  if (statement.xt !== undefined && fields(statement.xt).type === 'target') return true
  const unknowns = ['xt', 'ct count', 'quota', 'socket', 'osf']
  return unknowns.some(name => name in statement) ? undefined : true
}

/** undefined: not a statement that decides. */
function verdictOf(
  walk: Walk,
  chain: Chain,
  rule: Rule,
  statement: { [key: string]: Json },
  depth: number,
  sure: boolean,
): Outcome | undefined {
  if ('accept' in statement) {
    if (sure) return 'accept'
    walk.perhapsAccepted = true
    return 'continue'
  }
  const target = fields(statement.xt).type === 'target' ? fields(statement.xt).name : undefined
  if ('queue' in statement) {
    walk.perhapsAccepted = true
    walk.perhapsDropped ??= stepOf(chain, rule)
    return 'continue'
  }
  if ('drop' in statement || 'reject' in statement || target === 'REJECT') {
    const step = stepOf(chain, rule)
    if (sure) {
      walk.droppedBy = step
      return 'drop'
    }
    if (!walk.perhapsAccepted) walk.perhapsDropped ??= step
    return 'continue'
  }
  if ('return' in statement) return sure ? 'return' : 'continue'
  if ('jump' in statement || 'goto' in statement) {
    return jump(walk, chain, fields(statement.jump ?? statement.goto).target, 'goto' in statement, depth, sure)
  }
  if (statement.vmap !== undefined) return throughMap(walk, chain, rule, fields(statement.vmap), depth, sure)
  if (statement.dnat !== undefined) {
    const target = dnatTarget(walk, chain, fields(statement.dnat))
    if (!target) return 'continue'
    walk.dnat = target
    return 'accept'
  }
  if (TRANSLATIONS.some(name => name in statement || name.toUpperCase() === target)) return 'accept'
  return undefined
}

function jump(
  walk: Walk,
  chain: Chain,
  target: Json | undefined,
  goto: boolean,
  depth: number,
  sure: boolean,
): Outcome {
  const next = walk.ruleset.chains.get(chainKey(chain.family, chain.table, String(target)))
  if (!next) return 'continue'
  const outcome = throughChain(walk, next, depth + 1, sure)
  if (outcome === 'accept' || outcome === 'drop') return outcome
  // What `goto` leads to does not come back: the chain that holds the rule is over, as by `return`.
  return goto && sure ? 'return' : 'continue'
}

function throughMap(
  walk: Walk,
  chain: Chain,
  rule: Rule,
  { key, data }: { [key: string]: Json },
  depth: number,
  sure: boolean,
): Outcome {
  const found = lookUp(walk, chain, key, data)
  if (found === null) return 'continue'
  if (found !== undefined) return verdictOf(walk, chain, rule, fields(found), depth, sure) ?? 'continue'
  // Any of its verdicts may be the one.
  for (const element of elementsOf(data ?? null, walk.ruleset, chain) ?? []) {
    if (Array.isArray(element)) verdictOf(walk, chain, rule, fields(element[1] ?? null), depth, false)
  }
  return 'continue'
}

/** null: it is not in the map; undefined: that cannot be told. */
function lookUp(walk: Walk, chain: Chain, key: Json | undefined, data: Json | undefined): Json | null | undefined {
  const value = valueOf(key ?? null, walk.packet)
  if (value === null) return null
  const elements = elementsOf(data ?? null, walk.ruleset, chain)
  if (!elements) return undefined
  let unsure = false
  for (const element of elements) {
    if (!Array.isArray(element)) continue
    const answer = isElement(value, element[0] ?? null)
    if (answer === true) return element[1] ?? null
    if (answer === undefined) unsure = true
  }
  return unsure ? undefined : null
}

/** Of a spread over replicas any one stands for all. */
function dnatTarget(walk: Walk, chain: Chain, { addr, port }: { [key: string]: Json }): Walk['dnat'] {
  const { map } = fields(addr)
  let target: Json | null | undefined = addr
  if (map !== undefined) {
    const { key, data } = fields(map)
    const parts = fields(key).concat
    target =
      Array.isArray(parts) && 'numgen' in fields(parts[0])
        ? anyOf(walk, chain, parts, data)
        : lookUp(walk, chain, key, data)
  }
  if (target === null || target === undefined) return undefined
  const pair = fields(target).concat
  const [address, mapped] = Array.isArray(pair) ? pair : [target, port]
  if (typeof address !== 'string') return undefined
  return { address, ...(typeof mapped === 'number' && { port: mapped }) }
}

/** The first entry of a map whose first key part is a random number. */
function anyOf(walk: Walk, chain: Chain, parts: Json[], data: Json | undefined): Json | undefined {
  const values = parts.slice(1).map(part => valueOf(part, walk.packet))
  for (const element of elementsOf(data ?? null, walk.ruleset, chain) ?? []) {
    if (!Array.isArray(element)) continue
    const key = fields(element[0] ?? null).concat
    if (!Array.isArray(key)) continue
    const same = values.every((value, i) => value !== null && isElement(value, key[i + 1] ?? null) === true)
    if (same) return element[1]
  }
  return undefined
}
