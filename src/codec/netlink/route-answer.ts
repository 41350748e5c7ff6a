import { type Attribute, decodeAttributes, encodeAttributes, u32, u32Of } from './attributes.ts'
import { formatIp, parseIp } from './ip.ts'
import { NLM_F_ACK, type NetlinkRequest } from './message.ts'

const RTM_GETROUTE = 26
const RTA_DST = 1
const RTA_SRC = 2
const RTA_IIF = 3
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_PREFSRC = 7
const AF_INET = 2
const AF_INET6 = 10
const KINDS = { 1: 'unicast', 2: 'local', 6: 'blackhole', 7: 'unreachable', 8: 'prohibit' } as const

/** Asks where a packet would go (ip-route(8) `get`). @param options.iif index of the link that it comes in by */
export function getRoute(address: string, options: { from?: string; iif?: number } = {}): NetlinkRequest {
  const bytes = parseIp(address)
  const header = Buffer.alloc(12)
  header[0] = bytes.length === 4 ? AF_INET : AF_INET6
  header[1] = bytes.length * 8
  const attributes: Attribute[] = [[RTA_DST, bytes]]
  if (options.from !== undefined) {
    const from = parseIp(options.from)
    header[2] = from.length * 8
    attributes.push([RTA_SRC, from])
  }
  if (options.iif !== undefined) attributes.push([RTA_IIF, u32(options.iif)])
  const payload = Buffer.concat([header, encodeAttributes(attributes)])
  return { type: RTM_GETROUTE, flags: NLM_F_ACK, payload, about: `find the route to ${address}` }
}

export function decodeRouteAnswer(payload: Buffer) {
  const attributes = decodeAttributes(payload.subarray(12))
  const address = (type: number) => {
    const value = attributes.get(type)
    return value ? formatIp(value) : ''
  }
  const type = payload[7] as keyof typeof KINDS
  return {
    kind: KINDS[type] ?? ('none' as const),
    /** Index. */
    link: u32Of(attributes.get(RTA_OIF)),
    gateway: address(RTA_GATEWAY),
    source: address(RTA_PREFSRC),
  }
}
