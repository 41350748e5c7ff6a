import { type Attribute, decodeAttributes, encodeAttributes, u16, u32, u32Of } from './attributes.ts'
import { formatIp, formatMac, parseIp, parseMac } from './ip.ts'
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type NetlinkRequest } from './message.ts'
import { NDA_DST, NDA_LLADDR, NUD_PERMANENT, RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH, ndmsg } from './neighbour.ts'

const AF_BRIDGE = 7
const NLM_F_APPEND = 0x800
const IFLA_MASTER = 10
const NDA_VLAN = 5
const NDA_PORT = 6
const NDA_VNI = 7
const NDA_MASTER = 9
const NUD_REACHABLE = 0x02
const NUD_NOARP = 0x40
const NTF_SELF = 0x02
const NTF_MASTER = 0x04

/** Whose table: the device's own (of a vxlan, or a network card), or that of the bridge it is a port of. */
type FdbTable = 'self' | 'master'

/** A forwarding entry: frames for `mac` leave by the link, a vxlan's in packets to `destination`. */
export interface FdbEntry {
  mac: string
  table: FdbTable
  /** Address of the other tunnel end, for a vxlan. */
  destination?: string
  /** UDP port of the other end; the device's own when absent. */
  port?: number
  vni?: number
  vlan?: number
}

export interface FdbMessage extends FdbEntry {
  link: number
  /** `permanent`: an address of the port itself; `static`: set by somebody; `dynamic`: learnt, and ages. */
  state: 'permanent' | 'static' | 'dynamic'
}

/**
 * Adds one more destination to the MAC (of a vxlan: to 00:00:00:00:00:00, to which broadcasts and unknown
 * destinations go, or to a multicast one); adds the entry when there is none.
 */
export function appendFdb(link: number, entry: FdbEntry): NetlinkRequest {
  return newFdb(link, entry, NLM_F_CREATE | NLM_F_APPEND)
}

/** Puts it in the place of the one with the same MAC: a container that moved to another machine. */
export function replaceFdb(link: number, entry: FdbEntry): NetlinkRequest {
  return newFdb(link, entry, NLM_F_CREATE | NLM_F_REPLACE)
}

export function deleteFdb(link: number, entry: FdbEntry): NetlinkRequest {
  const about = `delete forwarding entry ${entry.mac}`
  return { type: RTM_DELNEIGH, flags: NLM_F_ACK, payload: fdbPayload(link, entry), about }
}

/** Entries of one port or tunnel, or of a bridge with all of its ports. */
export function dumpFdb(of: { link: number } | { bridge: number }): NetlinkRequest {
  // Of a struct ifinfomsg the kernel tells by the length that the index is a filter; in a struct ndmsg it is none.
  const header = Buffer.alloc(16)
  header[0] = AF_BRIDGE
  header.writeInt32LE('link' in of ? of.link : 0, 4)
  const attributes: Attribute[] = 'bridge' in of ? [[IFLA_MASTER, u32(of.bridge)]] : []
  const payload = Buffer.concat([header, encodeAttributes(attributes)])
  return { type: RTM_GETNEIGH, flags: NLM_F_DUMP, payload, about: 'list forwarding entries' }
}

/** @returns undefined for what bears no MAC */
export function decodeFdb(payload: Buffer): FdbMessage | undefined {
  const attributes = decodeAttributes(payload.subarray(12))
  const mac = attributes.get(NDA_LLADDR)
  if (payload[0] !== AF_BRIDGE || mac?.length !== 6) return undefined
  const state = payload.readUInt16LE(8)
  const flags = payload[10] ?? 0
  const destination = attributes.get(NDA_DST)
  const port = attributes.get(NDA_PORT)
  const vlan = attributes.get(NDA_VLAN)
  const vni = attributes.get(NDA_VNI)
  return {
    link: payload.readInt32LE(4),
    mac: formatMac(mac),
    table: flags & NTF_SELF || !attributes.has(NDA_MASTER) ? 'self' : 'master',
    ...(destination && { destination: formatIp(destination) }),
    ...(port && { port: port.readUInt16BE(0) }),
    ...(vni && { vni: u32Of(vni) }),
    ...(vlan && { vlan: vlan.readUInt16LE(0) }),
    state: state & NUD_PERMANENT ? 'permanent' : state & NUD_NOARP ? 'static' : 'dynamic',
  }
}

function newFdb(link: number, entry: FdbEntry, flags: number): NetlinkRequest {
  const about = `add forwarding entry ${entry.mac}`
  return { type: RTM_NEWNEIGH, flags: NLM_F_ACK | flags, payload: fdbPayload(link, entry), about }
}

function fdbPayload(link: number, entry: FdbEntry): Buffer {
  const attributes: Attribute[] = [[NDA_LLADDR, parseMac(entry.mac)]]
  if (entry.destination !== undefined) attributes.push([NDA_DST, parseIp(entry.destination)])
  if (entry.port !== undefined) attributes.push([NDA_PORT, Uint8Array.of(entry.port >> 8, entry.port & 255)])
  if (entry.vni !== undefined) attributes.push([NDA_VNI, u32(entry.vni)])
  if (entry.vlan !== undefined) attributes.push([NDA_VLAN, u16(entry.vlan)])
  // On a bridge a permanent entry would make the MAC the host's own: static (noarp) is one that does not age. A vxlan
  // knows no ageing of permanent ones and wants them so.
  const state = entry.table === 'master' ? NUD_NOARP | NUD_REACHABLE : NUD_NOARP | NUD_PERMANENT
  const flags = entry.table === 'master' ? NTF_MASTER : NTF_SELF
  return Buffer.concat([ndmsg({ family: AF_BRIDGE, link, state, flags }), encodeAttributes(attributes)])
}
