import { type Attribute, decodeAttributes, encodeAttributes } from './attributes.ts'
import { formatIp, formatMac, parseIp, parseMac } from './ip.ts'
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type NetlinkRequest } from './message.ts'

export const RTM_NEWNEIGH = 28
export const RTM_DELNEIGH = 29
export const RTM_GETNEIGH = 30
export const NDA_DST = 1
export const NDA_LLADDR = 2
const AF_INET = 2
const AF_INET6 = 10
const NUD_INCOMPLETE = 0x01
const NUD_STALE = 0x04
const NUD_FAILED = 0x20
const NUD_NOARP = 0x40
export const NUD_PERMANENT = 0x80
const NTF_PROXY = 0x08

const STATES = {
  1: 'incomplete',
  2: 'reachable',
  4: 'stale',
  8: 'delay',
  16: 'probe',
  32: 'failed',
  64: 'noarp',
} as const

/** An entry of the ARP table (IPv4) or the NDP table (IPv6). */
export interface NeighbourMessage {
  /** Index of its link. */
  link: number
  address: string
  /** Empty while it is being asked for. */
  mac: string
  state: 'permanent' | 'none' | (typeof STATES)[keyof typeof STATES]
}

/** Adds it, or gives the one with the same address this MAC. A `stale` one is asked for again before long use. */
export function replaceNeighbour(
  link: number,
  neighbour: { address: string; mac: string; state: 'permanent' | 'stale' },
): NetlinkRequest {
  const destination = parseIp(neighbour.address)
  const state = neighbour.state === 'permanent' ? NUD_PERMANENT : NUD_STALE
  const attributes: Attribute[] = [
    [NDA_DST, destination],
    [NDA_LLADDR, parseMac(neighbour.mac)],
  ]
  return {
    type: RTM_NEWNEIGH,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    payload: Buffer.concat([ndmsg({ family: familyOf(destination), link, state }), encodeAttributes(attributes)]),
    about: `set neighbour ${neighbour.address}`,
  }
}

export function deleteNeighbour(link: number, address: string): NetlinkRequest {
  const destination = parseIp(address)
  const header = ndmsg({ family: familyOf(destination), link })
  const payload = Buffer.concat([header, encodeAttributes([[NDA_DST, destination]])])
  return { type: RTM_DELNEIGH, flags: NLM_F_ACK, payload, about: `delete neighbour ${address}` }
}

export function dumpNeighbours(family: 4 | 6): NetlinkRequest {
  const payload = ndmsg({ family: family === 4 ? AF_INET : AF_INET6, link: 0 })
  return { type: RTM_GETNEIGH, flags: NLM_F_DUMP, payload, about: 'list neighbours' }
}

/** @returns undefined for what is no neighbour: multicast and loopback (`noarp`) entries, and proxies */
export function decodeNeighbour(payload: Buffer): NeighbourMessage | undefined {
  const state = payload.readUInt16LE(8)
  const attributes = decodeAttributes(payload.subarray(12))
  const destination = attributes.get(NDA_DST)
  if (!destination || state & NUD_NOARP || (payload[10] ?? 0) & NTF_PROXY) return undefined
  const mac = state & (NUD_INCOMPLETE | NUD_FAILED) ? undefined : attributes.get(NDA_LLADDR)
  return {
    link: payload.readInt32LE(4),
    address: formatIp(destination),
    mac: formatMac(mac ?? new Uint8Array()),
    state: state & NUD_PERMANENT ? 'permanent' : (STATES[state as keyof typeof STATES] ?? 'none'),
  }
}

/** struct ndmsg */
export function ndmsg(values: { family: number; link: number; state?: number; flags?: number }): Buffer {
  const header = Buffer.alloc(12)
  header[0] = values.family
  header.writeInt32LE(values.link, 4)
  header.writeUInt16LE(values.state ?? 0, 8)
  header[10] = values.flags ?? 0
  return header
}

function familyOf(address: Uint8Array): number {
  return address.length === 4 ? AF_INET : AF_INET6
}
