import { contains, parseAddress, parseCidr } from '../ipam/address.ts'
import type { Packet } from './packet.ts'
import { chainKey, fields } from './ruleset.ts'
import type { Chain, Json, Ruleset } from './ruleset.ts'

/** A value of a packet's field; undefined when it is not known. */
export type Value = string | number | readonly Value[] | undefined

/** True, false, or undefined: it cannot be told. */
export type Answer = boolean | undefined

/** What an expression makes of the packet. A field that the packet does not have (a port of ICMP) is null: never matches. */
export function valueOf(expression: Json, packet: Packet): Value | null {
  if (typeof expression === 'string' || typeof expression === 'number') return expression
  const { payload, meta, ct, fib, concat } = fields(expression)
  if (payload !== undefined) return payloadOf(fields(payload), packet)
  if (meta !== undefined) return metaOf(fields(meta).key, packet)
  if (ct !== undefined) return ctOf(fields(ct), packet)
  if (fib !== undefined) return fibOf(fields(fib), packet)
  if (Array.isArray(concat)) {
    const parts = concat.map(part => valueOf(part, packet))
    return parts.includes(null) ? null : (parts as Value[])
  }
  const masked = fields(expression)['&']
  if (Array.isArray(masked)) {
    const [value, mask] = masked.map(part => numberOf(part, packet))
    return value === undefined || mask === undefined ? undefined : (value & mask) >>> 0
  }
  return undefined
}

const TCP_FLAGS: Record<string, number> = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 }

function numberOf(expression: Json, packet: Packet): number | undefined {
  if (typeof expression === 'string' && expression in TCP_FLAGS) return TCP_FLAGS[expression]
  if (Array.isArray(expression)) {
    const parts = expression.map(part => numberOf(part, packet))
    return parts.includes(undefined) ? undefined : parts.reduce((sum = 0, part) => sum | part!, 0)
  }
  const alternatives = fields(expression)['|']
  if (Array.isArray(alternatives)) return numberOf(alternatives, packet)
  const value = valueOf(expression, packet)
  return typeof value === 'number' ? value : undefined
}

function payloadOf({ protocol, field }: { [key: string]: Json }, packet: Packet): Value | null {
  if (protocol === 'ip' || protocol === 'ip6') {
    if ((protocol === 'ip') !== (packet.family === 4)) return null
    if (field === 'saddr') return packet.source
    if (field === 'daddr') return packet.destination
    if (field === 'protocol' || field === 'nexthdr') return protocolName(packet)
    return undefined
  }
  if (protocol === 'icmp' || protocol === 'icmpv6') {
    if (protocolName(packet) !== protocol) return null
    return field === 'type' ? (packet.state === 'new' ? 'echo-request' : 'echo-reply') : undefined
  }
  if (protocol === 'tcp' || protocol === 'udp' || protocol === 'th') {
    if (packet.protocol === 'icmp' || (protocol !== 'th' && protocol !== packet.protocol)) return null
    if (field === 'sport') return packet.sourcePort
    if (field === 'dport') return packet.destinationPort
    if (field === 'flags' && packet.state === 'new') return TCP_FLAGS.syn
  }
  return ['sctp', 'dccp', 'esp', 'ah', 'udplite'].includes(String(protocol)) ? null : undefined
}

const protocolName = (packet: Packet): string =>
  packet.protocol === 'icmp' && packet.family === 6 ? 'icmpv6' : packet.protocol

function metaOf(key: Json | undefined, packet: Packet): Value | null {
  switch (key) {
    case 'iifname':
    case 'iif':
      return packet.iif
    case 'oifname':
    case 'oif':
      return packet.oif
    case 'l4proto':
      return protocolName(packet)
    case 'nfproto':
      return packet.family === 4 ? 'ipv4' : 'ipv6'
    case 'protocol':
      return packet.family === 4 ? 'ip' : 'ip6'
    case 'mark':
      return packet.mark
    default:
      return undefined
  }
}

function ctOf({ key, dir }: { [key: string]: Json }, packet: Packet): Value | null {
  if (key === 'state') return packet.state
  if (key === 'status') return packet.dnat ? 'dnat' : 'none'
  if (key === 'direction') return packet.state === 'new' ? 'original' : undefined
  if (key === 'mark') return packet.mark === 0 ? 0 : undefined
  if (key === 'protocol') return protocolName(packet)
  void dir
  return undefined
}

function fibOf({ result, flags }: { [key: string]: Json }, packet: Packet): Value {
  const of = Array.isArray(flags) ? flags : [flags]
  if (result !== 'type' || !of.includes('daddr') || packet.toLocal === undefined) return undefined
  return packet.toLocal ? 'local' : 'unicast'
}

/** One `match` statement. */
export function matches(statement: Json, packet: Packet, ruleset: Ruleset, chain: Chain): Answer {
  const { op, left, right } = fields(statement)
  if (left === undefined || right === undefined) return undefined
  const value = valueOf(left, packet)
  if (value === null) return false
  if (value === undefined) return undefined
  const flags = typeof value === 'number' ? flagsOf(right) : undefined
  if (flags !== undefined) return op === 'in' ? ((value as number) & flags) !== 0 : (value === flags) === (op === '==')
  switch (op) {
    case '==':
    case 'in':
      return isOneOf(value, right, ruleset, chain)
    case '!=': {
      const same = isOneOf(value, right, ruleset, chain)
      return same === undefined ? undefined : !same
    }
    case '<':
    case '<=':
    case '>':
    case '>=': {
      if (typeof value !== 'number' || typeof right !== 'number') return undefined
      const order = value - right
      return op === '<' ? order < 0 : op === '<=' ? order <= 0 : op === '>' ? order > 0 : order >= 0
    }
    default:
      return undefined
  }
}

/** Flags of TCP by their names; undefined for anything else. */
function flagsOf(right: Json): number | undefined {
  const names = Array.isArray(right) ? right : [right]
  return names.every(name => typeof name === 'string' && name in TCP_FLAGS)
    ? names.reduce<number>((sum, name) => sum | TCP_FLAGS[name as string]!, 0)
    : undefined
}

/** The elements that a set expression stands for: `@name`, or written out. */
export function elementsOf(expression: Json, ruleset: Ruleset, chain: Chain): Json[] | undefined {
  if (typeof expression === 'string' && expression.startsWith('@')) {
    return ruleset.sets.get(chainKey(chain.family, chain.table, expression.slice(1)))
  }
  const { set } = fields(expression)
  if (set !== undefined) return Array.isArray(set) ? set : [set]
  return Array.isArray(expression) ? expression : undefined
}

function isOneOf(value: Value, right: Json, ruleset: Ruleset, chain: Chain): Answer {
  const elements = elementsOf(right, ruleset, chain)
  if (!elements) {
    return typeof right === 'string' && right.startsWith('@') ? undefined : isElement(value, right)
  }
  let answer: Answer = false
  for (const element of elements) {
    const one = isElement(value, element)
    if (one === true) return true
    if (one === undefined) answer = undefined
  }
  return answer
}

/** Whether the value is, or lies in, one element: a value, a prefix, a range, or a concatenation of them. */
export function isElement(value: Value, element: Json): Answer {
  const { elem, prefix, range, concat } = fields(element)
  if (elem !== undefined) return isElement(value, fields(elem).val ?? null)
  if (value === undefined) return undefined
  if (Array.isArray(value)) {
    if (!Array.isArray(concat) || concat.length !== value.length) return undefined
    const parts = value.map((part, i) => isElement(part as Value, concat[i]!))
    return parts.includes(false) ? false : parts.includes(undefined) ? undefined : true
  }
  if (prefix !== undefined) {
    const { addr, len } = fields(prefix)
    const cidr = parseCidr(`${String(addr)}/${String(len)}`)?.cidr
    const address = parseAddress(String(value))
    return cidr && address ? cidr.family === address.family && contains(cidr, address) : undefined
  }
  if (Array.isArray(range)) return isBetween(value as string | number, range[0]!, range[1]!)
  if (element === '*') return true
  if (typeof element === 'string' && typeof value === 'string') return sameText(value, element)
  if (typeof element === 'number') return value === element
  return typeof element === 'string' ? false : undefined
}

function isBetween(value: string | number, low: Json, high: Json): Answer {
  if (typeof value === 'number') {
    return typeof low === 'number' && typeof high === 'number' ? value >= low && value <= high : undefined
  }
  const [address, first, last] = [value, String(low), String(high)].map(parseAddress)
  if (!address || !first || !last) return undefined
  return address.family === first.family && address.value >= first.value && address.value <= last.value
}

/** Interface names may end in a wildcard. */
function sameText(value: string, pattern: string): boolean {
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1))
  if (value === pattern) return true
  const [a, b] = [parseAddress(value), parseAddress(pattern)]
  return a !== undefined && b !== undefined && a.family === b.family && a.value === b.value
}
