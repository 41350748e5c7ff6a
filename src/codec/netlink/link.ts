import { type Attribute, decodeAttributes, encodeAttributes, text, textOf, u32, u32Of, u8, u8Of } from './attributes.ts'
import { formatMac, parseMac } from './ip.ts'
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, type NetlinkRequest } from './message.ts'

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18

const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_MASTER = 10
const IFLA_OPERSTATE = 16
const IFLA_LINKINFO = 18
const IFLA_IFALIAS = 20
const IFLA_STATS64 = 23
const IFLA_AF_SPEC = 26
const IFLA_GROUP = 27
const IFLA_NET_NS_FD = 28
const IFLA_EXT_MASK = 29
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const IFLA_INFO_SLAVE_KIND = 4
const IFLA_INFO_SLAVE_DATA = 5
const IFLA_BR_FORWARD_DELAY = 1
const IFLA_BR_STP_STATE = 5
const IFLA_BRPORT_MODE = 4
const IFLA_BRPORT_ISOLATED = 33
const VETH_INFO_PEER = 1
const IFLA_INET6_ADDR_GEN_MODE = 8
const IN6_ADDR_GEN_MODE_NONE = 1
const AF_INET6 = 10
const RTEXT_FILTER_SKIP_STATS = 8
const IFF_UP = 1
const IFF_LOOPBACK = 8

/** What RTM_NEWLINK tells of a link. */
export interface LinkMessage {
  index: number
  name: string
  /** `veth`, `bridge`, ...; `loopback` for lo, `ether` for hardware. */
  kind: string
  mac: string
  mtu: number
  up: boolean
  operState: string
  /** Index of the bridge or bond it belongs to, 0 for none. */
  master: number
  alias: string
  /** struct rtnl_link_stats64, if asked for. */
  stats: Buffer | undefined
}

/** A link by name (within the namespace of the socket) or by index. */
export type LinkRef = string | number

interface LinkSettings {
  up?: boolean
  mac?: string
  mtu?: number
  alias?: string
  /** Index of the bridge to put it on. */
  master?: number
  /** Device group; links of a group can be deleted in one request. */
  group?: number
  /** No link-local address of its own making. */
  noLinkLocal?: boolean
  /** For a port of a bridge: hairpin mode, and no traffic with other isolated ports. */
  port?: { hairpin: boolean; isolated: boolean }
}

export function createBridge(name: string, settings: LinkSettings): NetlinkRequest {
  const data: Attribute[] = [
    [IFLA_BR_FORWARD_DELAY, u32(0)],
    [IFLA_BR_STP_STATE, u32(0)],
  ]
  const info: Attribute = [
    IFLA_LINKINFO,
    [
      [IFLA_INFO_KIND, text('bridge')],
      [IFLA_INFO_DATA, data],
    ],
  ]
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    payload: linkPayload(name, settings, [info]),
    about: `create bridge ${name}`,
  }
}

/** A pair whose other end is made directly in the namespace of `peer.namespaceFd`. */
export function createVethPair(
  name: string,
  settings: LinkSettings,
  peer: { name: string; mac: string; mtu?: number; namespaceFd: number },
): NetlinkRequest {
  const peerAttributes: Attribute[] = [
    [IFLA_IFNAME, text(peer.name)],
    [IFLA_ADDRESS, parseMac(peer.mac)],
    [IFLA_NET_NS_FD, u32(peer.namespaceFd)],
  ]
  if (peer.mtu !== undefined) peerAttributes.push([IFLA_MTU, u32(peer.mtu)])
  const peerPayload = Buffer.concat([ifinfo(0, 0, 0), encodeAttributes(peerAttributes)])
  const info: Attribute = [
    IFLA_LINKINFO,
    [
      [IFLA_INFO_KIND, text('veth')],
      [IFLA_INFO_DATA, [[VETH_INFO_PEER, peerPayload]]],
    ],
  ]
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    payload: linkPayload(name, settings, [info]),
    about: `create veth ${name}`,
  }
}

export function changeLink(link: LinkRef, settings: LinkSettings): NetlinkRequest {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_ACK,
    payload: linkPayload(link, settings, []),
    about: `change link ${link}`,
  }
}

/** Moves it to another namespace under a new name; it is down there. */
export function moveLink(index: number, namespaceFd: number, name: string): NetlinkRequest {
  const attributes = encodeAttributes([
    [IFLA_IFNAME, text(name)],
    [IFLA_NET_NS_FD, u32(namespaceFd)],
  ])
  const payload = Buffer.concat([ifinfo(index, 0, 0), attributes])
  return { type: RTM_NEWLINK, flags: NLM_F_ACK, payload, about: `move link ${index} to another namespace as ${name}` }
}

export function deleteLink(link: LinkRef): NetlinkRequest {
  return { type: RTM_DELLINK, flags: NLM_F_ACK, payload: linkPayload(link, {}, []), about: `delete link ${link}` }
}

/** Deletes every link of a device group within one RCU grace period; ENODEV when it has none. */
export function deleteLinkGroup(group: number): NetlinkRequest {
  const payload = Buffer.concat([ifinfo(0, 0, 0), encodeAttributes([[IFLA_GROUP, u32(group)]])])
  return { type: RTM_DELLINK, flags: NLM_F_ACK, payload, about: `delete link group ${group}` }
}

export function getLink(link: LinkRef): NetlinkRequest {
  return { type: RTM_GETLINK, flags: NLM_F_ACK, payload: linkPayload(link, {}, []), about: `find link ${link}` }
}

export function dumpLinks(options: { stats: boolean }): NetlinkRequest {
  const mask = options.stats ? 0 : RTEXT_FILTER_SKIP_STATS
  const payload = Buffer.concat([ifinfo(0, 0, 0), encodeAttributes([[IFLA_EXT_MASK, u32(mask)]])])
  return { type: RTM_GETLINK, flags: NLM_F_DUMP, payload, about: 'list links' }
}

const OPER_STATES = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up']

export function decodeLink(payload: Buffer): LinkMessage {
  const flags = payload.readUInt32LE(8)
  const attributes = decodeAttributes(payload.subarray(16))
  const info = decodeAttributes(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0))
  return {
    index: payload.readInt32LE(4),
    name: textOf(attributes.get(IFLA_IFNAME)),
    kind: textOf(info.get(IFLA_INFO_KIND)) || (flags & IFF_LOOPBACK ? 'loopback' : 'ether'),
    mac: formatMac(attributes.get(IFLA_ADDRESS) ?? new Uint8Array()),
    mtu: u32Of(attributes.get(IFLA_MTU)),
    up: (flags & IFF_UP) !== 0,
    operState: OPER_STATES[u8Of(attributes.get(IFLA_OPERSTATE))] ?? 'unknown',
    master: u32Of(attributes.get(IFLA_MASTER)),
    alias: textOf(attributes.get(IFLA_IFALIAS)),
    stats: attributes.get(IFLA_STATS64),
  }
}

function linkPayload(link: LinkRef, settings: LinkSettings, more: Attribute[]): Buffer {
  const attributes: Attribute[] = []
  if (typeof link === 'string') attributes.push([IFLA_IFNAME, text(link)])
  if (settings.mac !== undefined) attributes.push([IFLA_ADDRESS, parseMac(settings.mac)])
  if (settings.mtu !== undefined) attributes.push([IFLA_MTU, u32(settings.mtu)])
  if (settings.master !== undefined) attributes.push([IFLA_MASTER, u32(settings.master)])
  // An alias bears no closing NUL: the kernel takes the attribute's length for the text's.
  if (settings.alias !== undefined) attributes.push([IFLA_IFALIAS, Buffer.from(settings.alias)])
  if (settings.group !== undefined) attributes.push([IFLA_GROUP, u32(settings.group)])
  if (settings.noLinkLocal) {
    const mode: Attribute = [IFLA_INET6_ADDR_GEN_MODE, u8(IN6_ADDR_GEN_MODE_NONE)]
    attributes.push([IFLA_AF_SPEC, [[AF_INET6, [mode]]]])
  }
  if (settings.port) {
    const { hairpin, isolated } = settings.port
    const data: Attribute[] = [
      [IFLA_BRPORT_MODE, u8(hairpin ? 1 : 0)],
      [IFLA_BRPORT_ISOLATED, u8(isolated ? 1 : 0)],
    ]
    attributes.push([
      IFLA_LINKINFO,
      [
        [IFLA_INFO_SLAVE_KIND, text('bridge')],
        [IFLA_INFO_SLAVE_DATA, data],
      ],
    ])
  }
  const { up } = settings
  const header = ifinfo(typeof link === 'number' ? link : 0, up ? IFF_UP : 0, up === undefined ? 0 : IFF_UP)
  return Buffer.concat([header, encodeAttributes([...attributes, ...more])])
}

/** struct ifinfomsg */
function ifinfo(index: number, flags: number, change: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeInt32LE(index, 4)
  bytes.writeUInt32LE(flags, 8)
  bytes.writeUInt32LE(change, 12)
  return bytes
}
