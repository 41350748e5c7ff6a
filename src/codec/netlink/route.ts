import { type Attribute, decodeAttributes, encodeAttributes, u32, u32Of } from './attributes.ts'
import { type Cidr, formatIp, networkOf } from './ip.ts'
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type NetlinkRequest } from './message.ts'

const RTM_NEWROUTE = 24
const RTM_DELROUTE = 25
const RTM_GETROUTE = 26
const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_PRIORITY = 6
const RTA_MULTIPATH = 9
const RTA_TABLE = 15
const RT_TABLE_MAIN = 254
const RTPROT_STATIC = 4
const RT_SCOPE_LINK = 253
const RT_SCOPE_NOWHERE = 255
const RTN_UNICAST = 1
const AF_INET = 2
const AF_INET6 = 10

/** A route of the main table. */
export interface RouteMessage {
  family: 4 | 6
  /** CIDR, or `default`. */
  destination: string
  /** Index of the link, 0 if it has none. */
  link: number
  gateway: string | undefined
  metric: number
}

export interface NewRoute {
  /** Undefined for the default route of `family`. */
  destination: Cidr | undefined
  family: 4 | 6
  link: number | undefined
  gateway: Uint8Array | undefined
  scope: 'global' | 'link'
  metric: number | undefined
}

/** Puts it in place of one with the same destination and metric. */
export function replaceRoute(route: NewRoute): NetlinkRequest {
  const about = `add route ${destinationText(route)}`
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE
  return { type: RTM_NEWROUTE, flags, payload: routePayload(route), about }
}

export function deleteRoute(route: NewRoute): NetlinkRequest {
  const about = `delete route ${destinationText(route)}`
  const payload = routePayload(route)
  // Whoever added it, and with whatever scope.
  payload[5] = 0
  payload[6] = RT_SCOPE_NOWHERE
  return { type: RTM_DELROUTE, flags: NLM_F_ACK, payload, about }
}

export function dumpRoutes(family: 4 | 6): NetlinkRequest {
  const payload = Buffer.alloc(12)
  payload[0] = family === 4 ? AF_INET : AF_INET6
  return { type: RTM_GETROUTE, flags: NLM_F_DUMP, payload, about: 'list routes' }
}

/** @returns undefined for a route of another table, or one that is not unicast (local, broadcast, unreachable) */
export function decodeRoute(payload: Buffer): RouteMessage | undefined {
  const attributes = decodeAttributes(payload.subarray(12))
  const table = u32Of(attributes.get(RTA_TABLE)) || (payload[4] ?? 0)
  if (table !== RT_TABLE_MAIN || payload[7] !== RTN_UNICAST) return undefined
  const destination = attributes.get(RTA_DST)
  const gateway = attributes.get(RTA_GATEWAY)
  // Of a multipath route (struct rtnexthop: length, flags, hops, link) the first path stands for all.
  const multipath = attributes.get(RTA_MULTIPATH)
  const firstHop = multipath && multipath.length >= 8 ? multipath.readUInt32LE(4) : 0
  return {
    family: payload[0] === AF_INET ? 4 : 6,
    destination: destination ? `${formatIp(destination)}/${payload[1]}` : 'default',
    link: u32Of(attributes.get(RTA_OIF)) || firstHop,
    gateway: gateway && formatIp(gateway),
    metric: u32Of(attributes.get(RTA_PRIORITY)),
  }
}

function destinationText({ destination }: NewRoute): string {
  return destination ? `${formatIp(destination.bytes)}/${destination.prefix}` : 'default'
}

/** struct rtmsg with its attributes */
function routePayload({ destination, family, link, gateway, scope, metric }: NewRoute): Buffer {
  const header = Buffer.alloc(12)
  header[0] = family === 4 ? AF_INET : AF_INET6
  header[1] = destination?.prefix ?? 0
  header[4] = RT_TABLE_MAIN
  header[5] = RTPROT_STATIC
  header[6] = scope === 'link' && family === 4 ? RT_SCOPE_LINK : 0
  header[7] = RTN_UNICAST
  const attributes: Attribute[] = []
  if (destination && destination.prefix > 0) attributes.push([RTA_DST, networkOf(destination)])
  if (link !== undefined) attributes.push([RTA_OIF, u32(link)])
  if (gateway) attributes.push([RTA_GATEWAY, gateway])
  if (metric !== undefined) attributes.push([RTA_PRIORITY, u32(metric)])
  return Buffer.concat([header, encodeAttributes(attributes)])
}
