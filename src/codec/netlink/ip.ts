import { invalid } from '#lib/errors.ts'

/** An address with its prefix length. */
export interface Cidr {
  family: 4 | 6
  bytes: Uint8Array
  prefix: number
}

/** 4 or 16 bytes. @throws invalid */
export function parseIp(address: string): Uint8Array {
  const bytes = address.includes(':') ? parseV6(address) : parseV4(address)
  if (!bytes) throw invalid(`"${address}" is not an IP address`)
  return bytes
}

/** The usual text; IPv6 after RFC 5952. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0))
  let best = { start: 0, length: 1 }
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && groups[end] === 0) end++
    if (end - start > best.length) best = { start, length: end - start }
  }
  const hex = (part: number[]) => part.map(group => group.toString(16)).join(':')
  if (best.length < 2) return hex(groups)
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`
}

/** `10.0.0.1/24`; without a prefix the whole address. @throws invalid */
export function parseCidr(text: string): Cidr {
  const [address = '', bits] = text.split('/')
  const bytes = parseIp(address)
  const width = bytes.length * 8
  const prefix = bits === undefined ? width : Number(bits)
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > width || bits === '') {
    throw invalid(`"${text}" is not an address with a prefix length`)
  }
  return { family: bytes.length === 4 ? 4 : 6, bytes, prefix }
}

/** The first address of the subnet. */
export function networkOf({ bytes, prefix }: Cidr): Uint8Array {
  return bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefix - index * 8))
    return byte & (0xff << (8 - kept))
  })
}

/** The last address of an IPv4 subnet. */
export function broadcastOf({ bytes, prefix }: Cidr): Uint8Array {
  return bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefix - index * 8))
    return byte | (0xff >> kept)
  })
}

/** @throws invalid */
export function parseMac(mac: string): Uint8Array {
  if (!/^([\da-f]{2}:){5}[\da-f]{2}$/i.test(mac)) throw invalid(`"${mac}" is not a MAC address`)
  return Uint8Array.from(mac.split(':'), pair => Number.parseInt(pair, 16))
}

export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(':')
}

function parseV4(address: string): Uint8Array | undefined {
  const parts = address.split('.')
  const good = parts.length === 4 && parts.every(part => /^\d{1,3}$/.test(part) && Number(part) < 256)
  return good ? Uint8Array.from(parts, Number) : undefined
}

function parseV6(address: string): Uint8Array | undefined {
  let text = address
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address)
  if (dotted) {
    const tail = parseV4(dotted[2] ?? '')
    if (!tail) return undefined
    const [a = 0, b = 0, c = 0, d = 0] = tail
    text = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  }
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map(half => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail]
  if (!groups.every(group => /^[\da-f]{1,4}$/i.test(group))) return undefined
  return Uint8Array.from(
    groups.flatMap(group => {
      const value = Number.parseInt(group, 16)
      return [value >> 8, value & 255]
    }),
  )
}
