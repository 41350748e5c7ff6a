/** IPv4 and IPv6 addresses as integers. Everything here is pure and total: a bad text gives undefined. */
export type Family = 4 | 6

export interface Address {
  family: Family
  value: bigint
}

export interface Cidr {
  family: Family
  /** Network address. */
  base: bigint
  prefix: number
}

export const bitsOf = (family: Family): number => (family === 4 ? 32 : 128)

export function parseAddress(text: string): Address | undefined {
  return text.includes(':') ? parse6(text) : parse4(text)
}

function parse4(text: string): Address | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0
  for (const part of parts) {
    // No leading zeros: "010" is octal to some readers and decimal to others.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    value = value * 256 + Number(part)
  }
  return { family: 4, value: BigInt(value) }
}

function parse6(text: string): Address | undefined {
  let head = text
  const tail4 = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (tail4) {
    const v4 = parse4(tail4[2]!)
    if (!v4) return undefined
    head = `${tail4[1]}${(v4.value >> 16n).toString(16)}:${(v4.value & 0xffffn).toString(16)}`
  }
  const halves = head.split('::')
  if (halves.length > 2) return undefined
  const groups = (half: string) => (half === '' ? [] : half.split(':'))
  const left = groups(halves[0]!)
  const right = halves.length === 2 ? groups(halves[1]!) : []
  const missing = 8 - left.length - right.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  let value = 0n
  for (const group of [...left, ...Array<string>(halves.length === 2 ? missing : 0).fill('0'), ...right]) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined
    value = (value << 16n) | BigInt(`0x${group}`)
  }
  return { family: 6, value }
}

/** RFC 5952 for IPv6. */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) {
    const n = Number(value)
    return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`
  }
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  let best = { at: -1, length: 1 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (groups[at + length] === '0') length++
    if (length > best.length) best = { at, length }
  }
  if (best.at < 0) return groups.join(':')
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`
}

/** `address` keeps the host bits that `cidr` drops. */
export function parseCidr(text: string): { cidr: Cidr; address: Address } | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const address = parseAddress(text.slice(0, slash))
  const digits = text.slice(slash + 1)
  if (!address || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined
  const prefix = Number(digits)
  if (prefix > bitsOf(address.family)) return undefined
  return { cidr: cidrOf(address, prefix), address }
}

export function cidrOf(address: Address, prefix: number): Cidr {
  const shift = BigInt(bitsOf(address.family) - prefix)
  return { family: address.family, base: (address.value >> shift) << shift, prefix }
}

export const formatCidr = (cidr: Cidr): string =>
  `${formatAddress({ family: cidr.family, value: cidr.base })}/${cidr.prefix}`

export const lastOf = (cidr: Cidr): bigint => cidr.base + (1n << BigInt(bitsOf(cidr.family) - cidr.prefix)) - 1n

export function contains(cidr: Cidr, address: Address): boolean {
  return cidr.family === address.family && address.value >= cidr.base && address.value <= lastOf(cidr)
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.base <= lastOf(b) && b.base <= lastOf(a)
}
