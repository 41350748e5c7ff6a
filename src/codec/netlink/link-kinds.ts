import { type Attribute, encodeAttributes, text, u16, u32 } from './attributes.ts'
import { parseMac } from './ip.ts'
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, type NetlinkRequest } from './message.ts'

const RTM_NEWLINK = 16
const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_LINK = 5
const IFLA_LINKINFO = 18
const IFLA_NET_NS_FD = 28
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const IFLA_MACVLAN_MODE = 1
const IFLA_IPVLAN_MODE = 1
const IFLA_IPVLAN_FLAGS = 2
const IFLA_VLAN_ID = 1
const MACVLAN_MODES = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const
const IPVLAN_MODES = { l2: 0, l3: 1, l3s: 2 } as const
const IPVLAN_FLAGS = { bridge: 0, private: 1, vepa: 2 } as const

export type MacvlanMode = keyof typeof MACVLAN_MODES
export type IpvlanMode = keyof typeof IPVLAN_MODES
export type IpvlanFlag = keyof typeof IPVLAN_FLAGS

/** Kinds of links beyond veth and bridge, and what each must know. */
export type LinkKind =
  | { kind: 'macvlan'; mode: MacvlanMode }
  | { kind: 'ipvlan'; mode: IpvlanMode; flag: IpvlanFlag }
  | { kind: 'vlan'; id: number }
  | { kind: 'dummy' }

/** A link of such a kind. @param at.parent index of the link it stands on; `at.namespaceFd`: where it is made */
export function createLink(
  name: string,
  kind: LinkKind,
  at: { parent?: number; namespaceFd?: number; mac?: string; mtu?: number },
): NetlinkRequest {
  const attributes: Attribute[] = [[IFLA_IFNAME, text(name)]]
  if (at.mac !== undefined) attributes.push([IFLA_ADDRESS, parseMac(at.mac)])
  if (at.mtu !== undefined) attributes.push([IFLA_MTU, u32(at.mtu)])
  if (at.parent !== undefined) attributes.push([IFLA_LINK, u32(at.parent)])
  if (at.namespaceFd !== undefined) attributes.push([IFLA_NET_NS_FD, u32(at.namespaceFd)])
  const info: Attribute[] = [[IFLA_INFO_KIND, text(kind.kind)]]
  const data = dataOf(kind)
  if (data.length > 0) info.push([IFLA_INFO_DATA, data])
  attributes.push([IFLA_LINKINFO, info])
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([Buffer.alloc(16), encodeAttributes(attributes)]), // struct ifinfomsg, then attributes
    about: `create ${kind.kind} ${name}`,
  }
}

function dataOf(kind: LinkKind): Attribute[] {
  switch (kind.kind) {
    case 'macvlan':
      return [[IFLA_MACVLAN_MODE, u32(MACVLAN_MODES[kind.mode])]]
    case 'ipvlan':
      return [
        [IFLA_IPVLAN_MODE, u16(IPVLAN_MODES[kind.mode])],
        [IFLA_IPVLAN_FLAGS, u16(IPVLAN_FLAGS[kind.flag])],
      ]
    case 'vlan':
      return [[IFLA_VLAN_ID, u16(kind.id)]]
    case 'dummy':
      return []
  }
}
