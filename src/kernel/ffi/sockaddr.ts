import { formatIp, parseIp } from '#codec/netlink/ip.ts'
import { AF_INET, AF_INET6 } from './libc.ts'

/** A `struct sockaddr_in` or `sockaddr_in6`. @throws invalid for a text that is no address */
export function encodeSocketAddress(address: string, port: number): Buffer {
  const ip = parseIp(address)
  const bytes = Buffer.alloc(ip.length === 4 ? 16 : 28)
  bytes.writeUInt16LE(ip.length === 4 ? AF_INET : AF_INET6, 0)
  bytes.writeUInt16BE(port, 2)
  bytes.set(ip, ip.length === 4 ? 4 : 8)
  return bytes
}

export function decodeSocketAddress(bytes: Buffer): { address: string; port: number } {
  const v4 = bytes.readUInt16LE(0) === AF_INET
  return { address: formatIp(v4 ? bytes.subarray(4, 8) : bytes.subarray(8, 24)), port: bytes.readUInt16BE(2) }
}
