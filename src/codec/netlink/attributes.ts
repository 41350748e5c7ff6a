/**
 * Netlink attributes (struct nlattr): a 4-byte header of length and type in host order, the value, padding to 4 bytes.
 * Berth runs on little-endian machines only (x86-64, arm64), so host order is written as little-endian.
 */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]]

const NLA_F_NESTED = 0x8000
const TYPE_MASK = 0x3fff

export function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  const parts: Uint8Array[] = []
  for (const [type, value] of attributes) {
    const nested = !(value instanceof Uint8Array)
    const bytes = nested ? encodeAttributes(value) : value
    const header = Buffer.alloc(4)
    header.writeUInt16LE(bytes.length + 4, 0)
    header.writeUInt16LE(nested ? type | NLA_F_NESTED : type, 2)
    parts.push(header, bytes)
    const odd = bytes.length % 4
    if (odd) parts.push(Buffer.alloc(4 - odd))
  }
  return Buffer.concat(parts)
}

/** The attributes in `bytes` by type (of a repeated one the last); a truncated one ends the walk. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at)
    if (length < 4 || at + length > bytes.length) break
    found.set(bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + 4, at + length))
    at += (length + 3) & ~3
  }
  return found
}

export const u8 = (value: number): Uint8Array => Uint8Array.of(value)

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 255, value >> 8)
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24)
}

/** With the closing NUL. */
export function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`)
}

/** Up to the first NUL; empty for an absent attribute. */
export function textOf(value: Buffer | undefined): string {
  if (!value) return ''
  const end = value.indexOf(0)
  return value.toString('utf8', 0, end < 0 ? value.length : end)
}

export function u32Of(value: Buffer | undefined): number {
  return value && value.length >= 4 ? value.readUInt32LE(0) : 0
}

export function u8Of(value: Buffer | undefined): number {
  return value?.[0] ?? 0
}
