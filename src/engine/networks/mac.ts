import { invalid } from '#lib/errors.ts'
import { parseAddress } from './ipam/address.ts'

/** `02:42:` and the four bytes of the address, as Docker did for years: the same address keeps its MAC, and ARP caches. */
export function macOf(ipv4: string): string {
  const { value } = parseAddress(ipv4)!
  const hex = value.toString(16).padStart(8, '0')
  return `02:42:${hex.match(/../g)!.join(':')}`
}

/** Locally administered, unicast. @param hex at least ten random hex digits */
export function randomMac(hex: string): string {
  return `02:${hex.slice(0, 10).match(/../g)!.join(':')}`
}

/** @throws invalid for what is not six bytes, multicast, or zero */
export function checkMac(text: string): string {
  const mac = text.toLowerCase().replaceAll('-', ':')
  const bytes = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) ? mac.split(':').map(byte => parseInt(byte, 16)) : undefined
  if (!bytes) throw invalid(`invalid MAC address: ${text}`)
  if ((bytes[0]! & 1) !== 0 || bytes.every(byte => byte === 0)) {
    throw invalid(`invalid MAC address ${text}: it must be unicast and not zero`)
  }
  return mac
}
