import { parseIp, parseMac } from './ip.ts'

/**
 * An Ethernet frame that tells the segment who has `address`: for IPv4 a gratuitous ARP request (RFC 5227), for IPv6 an
 * unsolicited neighbour advertisement with the override flag (RFC 4861, 4.4).
 */
export function announceFrame(address: string, mac: string): Buffer {
  const ip = parseIp(address)
  const hardware = parseMac(mac)
  return ip.length === 4 ? arpFrame(ip, hardware) : advertisementFrame(ip, hardware)
}

function arpFrame(ip: Uint8Array, mac: Uint8Array): Buffer {
  const everyone = Buffer.alloc(6, 0xff)
  const header = Buffer.from([0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1])
  return Buffer.concat([everyone, mac, header, mac, ip, Buffer.alloc(6), ip])
}

function advertisementFrame(ip: Uint8Array, mac: Uint8Array): Buffer {
  const allNodes = parseIp('ff02::1')
  const icmp = Buffer.concat([Buffer.from([136, 0, 0, 0, 0x20, 0, 0, 0]), ip, Buffer.from([2, 1]), mac])
  const pseudo = Buffer.concat([ip, allNodes, Buffer.from([0, 0, 0, icmp.length, 0, 0, 0, 58]), icmp])
  icmp.writeUInt16BE(checksum(pseudo), 2)
  const ethernet = Buffer.concat([Buffer.from([0x33, 0x33, 0, 0, 0, 1]), mac, Buffer.from([0x86, 0xdd])])
  const header = Buffer.from([0x60, 0, 0, 0, 0, icmp.length, 58, 255])
  return Buffer.concat([ethernet, header, ip, allNodes, icmp])
}

/** RFC 1071; `bytes` of even length. */
function checksum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}
