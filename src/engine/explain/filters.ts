import { EGRESS_KEY } from '#model/egress.ts'
import type { CauseCode } from '#model/explain.ts'
import type { Report } from '#model/report.ts'
import { filterAt, parseRuleset, type FilterVerdict, type HookName, type Packet } from '#engine/networks/index.ts'
import type { Ruleset } from '#engine/networks/index.ts'
import type { ExplainOptions } from './context.ts'
import type { ContainerParty } from './parties.ts'

/** One hook that a packet passes. */
export interface Gate {
  /** Namespace; undefined is the host's. */
  sandbox?: string
  /** `web`, `the host`. */
  where: string
  hook: HookName
  packet: Packet
  families?: string[]
}

/** The packet filters of the namespaces on the way. */
export interface FilterFacts {
  /** By namespace path; '' is the host's. */
  rulesets: ReadonlyMap<string, Ruleset>
  /** Legacy iptables tables in use there, by the same key. */
  legacy: ReadonlyMap<string, readonly string[]>
  /** This daemon's table. */
  own: string
  /** Egress policies of the one that sends; its own, if it has one, first. */
  policies: readonly EgressPolicy[]
}

interface EgressPolicy {
  /** `web`, `network front` */
  of: string
  /** `allow=10.0.0.0/8` */
  text: string
}

export async function lookAtFilters(
  ctx: ExplainOptions,
  sandboxes: readonly (string | undefined)[],
  sender?: ContainerParty,
): Promise<FilterFacts> {
  const keys = [...new Set(sandboxes)]
  const rulesets = await Promise.all(
    keys.map(async key => [key ?? '', parseRuleset(await ctx.inspector.ruleset(key))] as const),
  )
  return {
    rulesets: new Map(rulesets),
    legacy: new Map(keys.map(key => [key ?? '', ctx.inspector.legacyTables(key)])),
    own: ctx.table,
    policies: sender ? policiesOf(sender) : [],
  }
}

function policiesOf({ name, record, attachments }: ContainerParty): EgressPolicy[] {
  const own = record.hostConfig.Annotations?.[EGRESS_KEY]
  return [
    ...(own === undefined ? [] : [{ of: name, text: own }]),
    ...attachments.flatMap(({ network }) => {
      const text = network.options[EGRESS_KEY]
      return text === undefined ? [] : [{ of: `network ${network.name}`, text }]
    }),
  ]
}

/**
 * Asks every table at each gate. A rule is told of once.
 *
 * @param told what was told of before on the same way
 */
export function throughGates(
  report: Report,
  facts: FilterFacts,
  gates: readonly Gate[],
  told: Set<string> = new Set(),
): void {
  const passed = new Map<string, string[]>()
  for (const gate of gates) {
    const ruleset = facts.rulesets.get(gate.sandbox ?? '')
    if (!ruleset) continue
    const verdict = filterAt(ruleset, gate.hook, gate.packet, gate.families)
    if (verdict.verdict === 'pass') {
      const key = `${gate.where}\n${gate.packet.state === 'new' ? 'it' : 'the answers'}`
      passed.set(key, [...(passed.get(key) ?? []), gate.hook])
      continue
    }
    const { family, table, chain, handle } = verdict.by!
    const key = `${gate.where} ${verdict.verdict} ${family} ${table} ${chain} ${handle}`
    if (told.has(key)) continue
    told.add(key)
    if (verdict.verdict === 'unsure') warnOf(report, gate, verdict)
    else failOf(report, facts, gate, verdict)
  }
  const stopped = new Set([...told].map(key => key.split(/ (?:drop|unsure) /)[0]!))
  for (const [key, hooks] of passed) {
    const [where = '', what] = key.split('\n')
    if (stopped.has(where)) continue
    report.ok('filter', `packet filter of ${where}`, `no table drops ${what} (${[...new Set(hooks)].join(', ')})`)
  }
  for (const [sandbox, where] of new Map(gates.map(gate => [gate.sandbox ?? '', gate.where]))) {
    const legacy = facts.legacy.get(sandbox) ?? []
    if (legacy.length === 0) continue
    report.skip(
      'filter',
      `legacy iptables of ${where}`,
      `tables ${legacy.join(', ')} are in use, which nftables does not show: iptables-legacy-save shows them`,
    )
  }
}

function warnOf(report: Report, gate: Gate, { by }: FilterVerdict): void {
  const { family, table, chain, rule } = by!
  report.warn(
    'filter',
    `chain ${chain} of table ${family} ${table}`,
    `may drop it at ${gate.hook} of ${gate.where}: ${rule}`,
  )
}

function failOf(report: Report, facts: FilterFacts, gate: Gate, { by }: FilterVerdict): void {
  const { family, table, chain, rule, handle, comment } = by!
  const subject = `chain ${chain} of table ${family} ${table}`
  const detail = `drops it at ${gate.hook} of ${gate.where}: ${rule}${comment ? ` (${comment})` : ''}`
  if (table === facts.own || table.startsWith('berth')) {
    // The network's own option, which is told before.
    if (gate.packet.iif !== undefined && gate.packet.iif === gate.packet.oif) return
    const { code, summary, fix } = ownCause(facts, chain, rule, gate)
    return report.fail(code === 'egress-denied' ? 'egress' : 'filter', subject, detail, code, summary, fix)
  }
  const enter = gate.sandbox === undefined ? '' : `nsenter -t $(berth inspect -f '{{.State.Pid}}' ${gate.where}) -n `
  report.fail(
    'filter',
    subject,
    detail,
    'filter-drop',
    `the packet filter of ${gate.where} drops it: ${rule} in chain ${chain} of table ${family} ${table}`,
    handle > 0
      ? `${enter}nft delete rule ${family} ${table} ${chain} handle ${handle}`
      : `${enter}nft insert rule ${family} ${table} ${chain} ${allowing(gate.packet)}`,
  )
}

/** What a drop in this engine's own tables means. */
function ownCause(
  facts: FilterFacts,
  chain: string,
  rule: string,
  gate: Gate,
): { code: CauseCode; summary: string; fix: string } {
  const { source, destination, destinationPort, protocol } = gate.packet
  if (/egress/.test(chain) || /egress/.test(rule)) {
    const { policies } = facts
    const whose = policies.map(({ of, text }) => `${of} (${text})`).join(' and of ') || source
    const host = destination.includes(':') ? `[${destination}]` : destination
    const target = destinationPort === undefined ? host : `${host}:${destinationPort}/${protocol}`
    const [own, ...more] = policies
    // Every policy must allow it: a network's is not the container's to change.
    const mendable = own !== undefined && more.length === 0 && !own.of.startsWith('network ')
    return {
      code: 'egress-denied',
      summary: `the egress policy of ${whose} does not allow ${target}`,
      fix: mendable ? `berth update --egress '${own.text}${own.text.endsWith('=') ? '' : ','}${target}' ${own.of}` : '',
    }
  }
  if (/internal/.test(rule)) {
    return { code: 'internal-network', summary: 'the network is internal: nothing leads out of it or into it', fix: '' }
  }
  if (chain === 'into_bridge') {
    return {
      code: 'no-shared-network',
      summary: `${destination} is on a network that ${source} is not on, and networks are kept apart`,
      fix: '',
    }
  }
  return { code: 'filter-drop', summary: `the engine's own packet filter drops it: ${rule}`, fix: '' }
}

function allowing({ family, protocol, destination, destinationPort }: Packet): string {
  const port = protocol === 'icmp' || destinationPort === undefined ? '' : ` ${protocol} dport ${destinationPort}`
  return `${family === 4 ? 'ip' : 'ip6'} daddr ${destination}${port} accept`
}

/** The other direction, once the first packet has been answered. */
export function replyTo(packet: Packet): Packet {
  const { source, destination, sourcePort, destinationPort, iif, oif } = packet
  const { iif: _i, oif: _o, sourcePort: _s, destinationPort: _d, ...rest } = packet
  return {
    ...rest,
    source: destination,
    destination: source,
    ...(destinationPort !== undefined && { sourcePort: destinationPort }),
    ...(sourcePort !== undefined && { destinationPort: sourcePort }),
    ...(oif !== undefined && { iif: oif }),
    ...(iif !== undefined && { oif: iif }),
    state: 'established',
  }
}
