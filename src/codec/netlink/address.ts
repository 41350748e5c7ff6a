import { type Attribute, decodeAttributes, encodeAttributes, u32 } from './attributes.ts'
import { type Cidr, broadcastOf, formatIp } from './ip.ts'
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type NetlinkRequest } from './message.ts'

const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_GETADDR = 22
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_BROADCAST = 4
const IFA_FLAGS = 8
const IFA_F_NODAD = 2
const AF_INET = 2
const AF_INET6 = 10

export interface AddressMessage {
  /** Index of its link. */
  link: number
  /** CIDR. */
  address: string
  scope: 'global' | 'link' | 'host' | 'other'
}

/** Adds it, or does nothing if it is there. IPv6: without duplicate address detection, so usable at once. */
export function addAddress(link: number, cidr: Cidr): NetlinkRequest {
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    payload: addressPayload(link, cidr),
    about: `add address ${formatIp(cidr.bytes)}/${cidr.prefix}`,
  }
}

export function deleteAddress(link: number, cidr: Cidr): NetlinkRequest {
  const about = `delete address ${formatIp(cidr.bytes)}/${cidr.prefix}`
  return { type: RTM_DELADDR, flags: NLM_F_ACK, payload: addressPayload(link, cidr), about }
}

export function dumpAddresses(): NetlinkRequest {
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, payload: Buffer.alloc(8), about: 'list addresses' }
}

export function decodeAddress(payload: Buffer): AddressMessage {
  const attributes = decodeAttributes(payload.subarray(8))
  // Of a point-to-point link IFA_ADDRESS is the other side.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS) ?? Buffer.alloc(4)
  const scopes = { 0: 'global', 253: 'link', 254: 'host' } as const
  return {
    link: payload.readUInt32LE(4),
    address: `${formatIp(bytes)}/${payload[1]}`,
    scope: scopes[payload[3] as keyof typeof scopes] ?? 'other',
  }
}

/** struct ifaddrmsg with its attributes */
function addressPayload(link: number, cidr: Cidr): Buffer {
  const header = Buffer.alloc(8)
  header[0] = cidr.family === 4 ? AF_INET : AF_INET6
  header[1] = cidr.prefix
  header.writeUInt32LE(link, 4)
  const attributes: Attribute[] = [
    [IFA_LOCAL, cidr.bytes],
    [IFA_ADDRESS, cidr.bytes],
  ]
  if (cidr.family === 6) attributes.push([IFA_FLAGS, u32(IFA_F_NODAD)])
  else if (cidr.prefix < 31) attributes.push([IFA_BROADCAST, broadcastOf(cidr)])
  return Buffer.concat([header, encodeAttributes(attributes)])
}
