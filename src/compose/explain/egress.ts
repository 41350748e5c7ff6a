import { BlockList, isIP } from 'node:net'
import type { Project, Service } from '../project.ts'

/** Where somebody wants to go. `name` and `address` are absent for "anywhere on the internet". */
export interface Destination {
  name?: string
  address?: string
  /** 0 for any. */
  port: number
  protocol: 'tcp' | 'udp'
}

export interface Policy {
  /** Where the file says it: `service web`, `network front`. */
  of: string
  entries: string[]
}

/** The policies that hold for a service that leaves by one of these networks. */
export function policiesOf(project: Project, service: Service, keys: readonly string[]): Policy[] {
  const read = (of: string, text: string | undefined): Policy[] =>
    text === undefined
      ? []
      : [
          {
            of,
            entries: text
              .replace(/^allow=/, '')
              .split(',')
              .filter(Boolean),
          },
        ]
  return [
    ...read(`service ${service.name}`, service['x-berth-egress']),
    ...keys.flatMap(key => read(`network ${key}`, project.networks[key]!['x-berth-egress'])),
  ]
}

/**
 * `undecided`: an address is allowed by name or a name by address, which only the answer of a DNS server can tell.
 * Entries are `[HOST][:PORT][/PROTOCOL]`; a host is an address, a subnet, a name or `*.name`.
 */
export function allows(policy: Policy, destination: Destination): 'yes' | 'no' | 'undecided' {
  const answers = policy.entries.map(entry => entryAllows(entry, destination))
  if (answers.includes('yes')) return 'yes'
  return answers.includes('undecided') ? 'undecided' : 'no'
}

function entryAllows(entry: string, destination: Destination): 'yes' | 'no' | 'undecided' {
  const { host, port, protocol } = parseEntry(entry)
  if (protocol !== '' && protocol !== destination.protocol) return 'no'
  if (port !== '' && destination.port > 0 && !inRange(port, destination.port)) return 'no'
  if (host === '' || host === '*' || host === '0.0.0.0/0' || host === '::/0') return 'yes'
  const { name, address } = destination
  if (name === undefined && address === undefined) return 'undecided'
  const bySubnet = isIP(host.split('/')[0]!) > 0
  if (address !== undefined) return bySubnet ? (covers(host, address) ? 'yes' : 'no') : 'undecided'
  if (bySubnet) return 'undecided'
  return nameMatches(host, name!) ? 'yes' : 'no'
}

function parseEntry(entry: string): { host: string; port: string; protocol: string } {
  let rest = entry
  const protocol = /\/(tcp|udp)$/.exec(rest)?.[1] ?? ''
  if (protocol) rest = rest.slice(0, -protocol.length - 1)
  const [, bracketed, after] = /^\[([^\]]+)\](?::([\d-]+))?$/.exec(rest) ?? []
  if (bracketed) return { host: bracketed, port: after ?? '', protocol }
  if (isIP(rest.split('/')[0]!) === 6) return { host: rest, port: '', protocol }
  const [, host = '', port = ''] = /^([^:]*)(?::([\d-]+))?$/.exec(rest) ?? []
  return { host, port, protocol }
}

function inRange(text: string, port: number): boolean {
  const [first, last = first] = text.split('-').map(Number) as [number, number?]
  return port >= first && port <= last
}

const nameMatches = (pattern: string, name: string): boolean =>
  pattern.startsWith('*.')
    ? name.toLowerCase().endsWith(pattern.slice(1).toLowerCase())
    : pattern.toLowerCase() === name.toLowerCase()

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
