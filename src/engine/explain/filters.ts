import type { CauseCode } from '#model/explain.ts'
import type { Report } from '#model/report.ts'
import { filterAt, parseRuleset, type FilterVerdict, type HookName, type Packet } from '#engine/networks/index.ts'
import type { ExplainOptions } from './context.ts'

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

/** Asks every table at each gate. Rules of each namespace are read once. @returns whether all let it pass */
export async function throughGates(ctx: ExplainOptions, report: Report, gates: readonly Gate[]): Promise<boolean> {
  const rulesets = new Map(
    await Promise.all(
      [...new Set(gates.map(gate => gate.sandbox))].map(
        async sandbox => [sandbox, parseRuleset(await ctx.inspector.ruleset(sandbox))] as const,
      ),
    ),
  )
  let open = true
  const passed = new Map<string, string[]>()
  for (const gate of gates) {
    const verdict = filterAt(rulesets.get(gate.sandbox)!, gate.hook, gate.packet, gate.families)
    if (verdict.verdict === 'pass') passed.set(gate.where, [...(passed.get(gate.where) ?? []), gate.hook])
    else if (verdict.verdict === 'unsure') warnOf(report, gate, verdict)
    else if (open) {
      failOf(ctx, report, gate, verdict)
      open = false
    }
  }
  if (open) {
    for (const [where, hooks] of passed) {
      report.ok('filter', `packet filter of ${where}`, `no table drops it (${[...new Set(hooks)].join(', ')})`)
    }
  }
  for (const sandbox of new Set(gates.map(gate => gate.sandbox))) {
    const legacy = ctx.inspector.legacyTables(sandbox)
    if (legacy.length === 0) continue
    report.skip(
      'filter',
      'legacy iptables',
      `tables ${legacy.join(', ')} are in use, which nftables does not show: iptables-legacy-save shows them`,
    )
  }
  return open
}

function warnOf(report: Report, gate: Gate, { by }: FilterVerdict): void {
  const { family, table, chain, rule } = by!
  report.warn(
    'filter',
    `chain ${chain} of table ${family} ${table}`,
    `may drop it at ${gate.hook} of ${gate.where}: ${rule}`,
  )
}

function failOf(ctx: ExplainOptions, report: Report, gate: Gate, { by }: FilterVerdict): void {
  const { family, table, chain, rule, handle, comment } = by!
  const subject = `chain ${chain} of table ${family} ${table}`
  const detail = `drops it at ${gate.hook} of ${gate.where}: ${rule}${comment ? ` (${comment})` : ''}`
  if (gate.sandbox === undefined && table === ctx.table) {
    const { code, summary, fix } = ownCause(chain, rule, gate)
    return report.fail(code === 'egress-denied' ? 'egress' : 'filter', subject, detail, code, summary, fix)
  }
  report.fail(
    'filter',
    subject,
    detail,
    'filter-drop',
    `the packet filter of ${gate.where} drops it: ${rule} in chain ${chain} of table ${family} ${table}`,
    handle > 0
      ? `nft delete rule ${family} ${table} ${chain} handle ${handle}`
      : `nft insert rule ${family} ${table} ${chain} ${allowing(gate.packet)}`,
  )
}

/** What a drop in this engine's own table means. */
function ownCause(chain: string, rule: string, gate: Gate): { code: CauseCode; summary: string; fix: string } {
  const { source, destination } = gate.packet
  if (/egress/.test(chain) || /egress/.test(rule)) {
    return {
      code: 'egress-denied',
      summary: `the egress policy of ${source} does not allow ${destination}`,
      fix: 'berth network egress',
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
  const { iif: _i, oif: _o, ...rest } = packet
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
