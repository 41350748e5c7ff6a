import { invalid } from '#lib/errors.ts'

/** Where a container carries its policy (`HostConfig.Annotations`), and a network its own (`Options`). */
export const EGRESS_KEY = 'berth.egress'

/** One thing that may be reached. */
export interface EgressEntry {
  /** As it was written. */
  text: string
  /** `any`: every address, of both families. */
  kind: 'any' | 'address' | 'name'
  /** Address without prefix, or name in lower case, of a wildcard without its `*.`; '' for any. */
  host: string
  /** Bits of the subnet; undefined for one address. */
  prefix?: number
  /** Names below `host`, not `host` itself. */
  wildcard: boolean
  /** '' for both, and without ports for every protocol. */
  protocol: '' | 'tcp' | 'udp'
  /** First and last port; undefined for all. */
  ports?: { low: number; high: number }
}

/** More make a policy that nobody understands, and a packet filter that takes long to change. */
const MOST_ENTRIES = 256
const HELP = 'write allow=HOST[:PORT[-PORT]][/tcp|/udp],… with an address, a subnet, a name or *.name as HOST'

/**
 * `allow=api.example.com:443,10.0.0.0/8,[2001:db8::1]:53/udp`; `allow=` alone allows nothing. The same text on a container, a
 * network, and as `x-berth-egress`.
 * @throws invalid naming the entry
 */
export function parseEgress(text: string): EgressEntry[] {
  const match = /^\s*allow=(.*)$/s.exec(text)
  if (!match) throw invalid(`invalid egress policy "${text}": it must begin with "allow=": ${HELP}`)
  const entries = match[1]!
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '')
  if (entries.length > MOST_ENTRIES) {
    throw invalid(`invalid egress policy: ${entries.length} entries are more than ${MOST_ENTRIES}: allow subnets`)
  }
  return entries.map(entry => parseEgressEntry(entry))
}

/** @throws invalid */
export function parseEgressEntry(text: string): EgressEntry {
  const fail = (why: string): never => {
    throw invalid(`invalid egress entry "${text}": ${why}: ${HELP}`)
  }
  const protocol = (/\/(tcp|udp)$/i.exec(text)?.[1]?.toLowerCase() ?? '') as EgressEntry['protocol']
  const rest = protocol === '' ? text : text.slice(0, -protocol.length - 1)
  const { host, after } = split(rest)
  const entry: EgressEntry = { text, kind: 'any', host: '', wildcard: false, protocol }
  if (after !== undefined) entry.ports = portsOf(after) ?? fail('a port is 1 to 65535, a range LOW-HIGH')
  if (host === '' || host === '*') {
    if (rest === '') fail('it names nothing')
    return entry
  }
  const slash = host.indexOf('/')
  const address = slash < 0 ? host : host.slice(0, slash)
  const family = familyOf(address)
  if (family === undefined) {
    if (slash >= 0) fail('a subnet is ADDRESS/BITS, a protocol tcp or udp')
    const wildcard = host.startsWith('*.')
    const name = (wildcard ? host.slice(2) : host).replace(/\.$/, '').toLowerCase()
    if (!isName(name)) fail(/^[\d.]+$/.test(name) || name.includes(':') ? 'no address' : 'no name')
    return { ...entry, kind: 'name', host: name, wildcard }
  }
  entry.kind = 'address'
  entry.host = address.toLowerCase()
  if (slash >= 0) {
    const bits = host.slice(slash + 1)
    if (!/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) {
      fail(`a prefix is 0 to ${family === 4 ? 32 : 128} bits`)
    }
    entry.prefix = Number(bits)
  }
  return entry
}

/** Whether a name, lower case and without final dot, is what the entry allows. */
export function egressNameMatches(entry: EgressEntry, name: string): boolean {
  if (entry.kind !== 'name') return false
  return entry.wildcard ? name.endsWith(`.${entry.host}`) : name === entry.host
}

/** Host and the text behind its colon, if there is one. An IPv6 address with a port stands in brackets. */
function split(text: string): { host: string; after?: string } {
  const bracketed = /^\[([^\]]*)\](\/\d+)?(?::(.*))?$/s.exec(text)
  if (bracketed) {
    const [, host = '', bits = '', after] = bracketed
    return { host: `${host}${bits}`, ...(after !== undefined && { after }) }
  }
  const first = text.indexOf(':')
  if (first < 0 || text.indexOf(':', first + 1) > 0) return { host: text }
  return { host: text.slice(0, first), after: text.slice(first + 1) }
}

function portsOf(text: string): { low: number; high: number } | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  if (!match) return undefined
  const low = Number(match[1])
  const high = match[2] === undefined ? low : Number(match[2])
  return low >= 1 && low <= high && high <= 65_535 ? { low, high } : undefined
}

function familyOf(text: string): 4 | 6 | undefined {
  if (text.includes(':')) return URL.canParse(`http://[${text}]/`) ? 6 : undefined
  return /^((0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])(\.(?!$)|$)){4}$/.test(text) ? 4 : undefined
}

/** A name that could be asked; a number as its last part would be an address to some resolvers. */
function isName(text: string): boolean {
  if (
    text.length > 253 ||
    !/^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/.test(text)
  )
    return false
  return !/(^|\.)\d+$/.test(text)
}

/** What a running container's policies let through and what they dropped. */
export interface EgressStatus {
  containerId: string
  name: string
  /** Traffic passes all of them. `of` is `container` or `network NAME`. */
  policies: { of: string; policy: string }[]
  /** Names that the policies allow, each with the addresses that answers gave for it. */
  names: { name: string; addresses: { address: string; /** Until it is forgotten. */ seconds: number }[] }[]
  droppedPackets: number
  /** The last first. */
  dropped: EgressDrop[]
}

export interface EgressDrop {
  destination: string
  protocol: string
  /** 0 where the protocol has none. */
  port: number
  packets: number
  /** Since the last one. */
  secondsAgo: number
}
