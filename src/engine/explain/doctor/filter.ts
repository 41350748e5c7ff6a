import { filterAt, type FilterVerdict, type HookName, type Packet, type Ruleset } from '#engine/networks/index.ts'
import type { DoctorCheck } from '#model/doctor.ts'

export type Step = NonNullable<FilterVerdict['by']>

/** What a packet meets on its way: the hook at which it is stopped, or may be. */
export interface Stop {
  hook: HookName
  sure: boolean
  step: Step
  /** It is the answer that is stopped, not the request. */
  reply: boolean
}

/**
 * The first rule that drops it for sure, else the first that may.
 *
 * @param way hooks with the packet as it is there
 */
export function stopOf(
  ruleset: Ruleset,
  way: readonly { hook: HookName; packet: Packet; reply?: boolean; families?: string[] }[],
): Stop | undefined {
  let doubt: Stop | undefined
  for (const { hook, packet, reply = false, families } of way) {
    const { verdict, by } = filterAt(ruleset, hook, packet, families)
    if (!by || verdict === 'pass') continue
    const stop = { hook, sure: verdict === 'drop', step: by, reply }
    if (stop.sure) return stop
    doubt ??= stop
  }
  return doubt
}

/** The way back of a forwarded packet. */
export function answerTo({ iif, oif, ...packet }: Packet): Packet {
  return {
    family: packet.family,
    protocol: packet.protocol,
    source: packet.destination,
    destination: packet.source,
    ...(packet.destinationPort !== undefined && { sourcePort: packet.destinationPort }),
    ...(packet.sourcePort !== undefined && { destinationPort: packet.sourcePort }),
    ...(oif !== undefined && { iif: oif }),
    ...(iif !== undefined && { oif: iif }),
    state: 'established',
    dnat: packet.dnat,
    toLocal: false,
  }
}

/** `policy drop in chain forward of table inet filter`. */
export function ruleName({ family, table, chain, rule, handle, comment }: Step): string {
  const number = handle > 0 ? ` (handle ${handle})` : ''
  return `"${rule}"${comment ? ` (${comment})` : ''} in chain ${chain} of table ${family} ${table}${number}`
}

export function ruleOf({ family, table, chain, rule, handle }: Step): NonNullable<DoctorCheck['rule']> {
  return { family, table, chain, handle, text: rule }
}
