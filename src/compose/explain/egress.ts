import { BlockList, isIP } from 'node:net'
import { egressNameMatches, parseEgress, type EgressEntry } from '#model/egress.ts'
import type { Project, Service } from '../project.ts'

/** Where somebody wants to go. `name` and `address` are absent for "anywhere on the internet". */
export interface Destination {
  name?: string
  address?: string
  /** 0 for any. */
  port: number
  protocol: 'tcp' | 'udp'
}

interface Policy {
  /** Where the file says it: `service web`, `network front`. */
  of: string
  entries: EgressEntry[]
}

/** The policies that hold for a service that leaves by one of these networks. @throws invalid for one that is none */
export function policiesOf(project: Project, service: Service, keys: readonly string[]): Policy[] {
  const read = (of: string, text: string | undefined): Policy[] =>
    text === undefined ? [] : [{ of, entries: parseEgress(text) }]
  return [
    ...read(`service ${service.name}`, service['x-berth-egress']),
    ...keys.flatMap(key => read(`network ${key}`, project.networks[key]!['x-berth-egress'])),
  ]
}

export const policyText = ({ entries }: Policy): string => entries.map(entry => entry.text).join(', ') || 'nothing'

/** `undecided`: an address is allowed by name or a name by address, which only the answer of a DNS server can tell. */
export function allows({ entries }: Policy, destination: Destination): 'yes' | 'no' | 'undecided' {
  const answers = entries.map(entry => entryAllows(entry, destination))
  if (answers.includes('yes')) return 'yes'
  return answers.includes('undecided') ? 'undecided' : 'no'
}

function entryAllows(entry: EgressEntry, destination: Destination): 'yes' | 'no' | 'undecided' {
  const { kind, host, prefix, protocol, ports } = entry
  const { name, address, port } = destination
  if (protocol !== '' && protocol !== destination.protocol) return 'no'
  if (ports && port > 0 && (port < ports.low || port > ports.high)) return 'no'
  if (kind === 'any' || prefix === 0) return 'yes'
  if (name === undefined && address === undefined) return 'undecided'
  if (kind === 'name')
    return name === undefined ? 'undecided' : egressNameMatches(entry, name.toLowerCase()) ? 'yes' : 'no'
  if (address === undefined) return 'undecided'
  return covers(prefix === undefined ? host : `${host}/${prefix}`, address) ? 'yes' : 'no'
}

/** Whether an address lies in a subnet, or is the address that stands there. */
export function covers(subnet: string, address: string): boolean {
  const [base = '', bits] = subnet.split('/')
  const family = isIP(base)
  if (family === 0 || isIP(address) !== family) return false
  const list = new BlockList()
  const type = family === 4 ? 'ipv4' : 'ipv6'
  try {
    list.addSubnet(base, bits === undefined ? (family === 4 ? 32 : 128) : Number(bits), type)
  } catch {
    return false
  }
  return list.check(address, type)
}
