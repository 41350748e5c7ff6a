import { formatIp } from '#codec/netlink/ip.ts'
import { HEADER, TYPE, endOfName } from './query.ts'

export interface AnsweredAddress {
  address: string
  /** Seconds. */
  ttl: number
}

/** Addresses in the answer section, those behind CNAMEs too. Ends quietly where the message is broken. */
export function answeredAddresses(message: Buffer): AnsweredAddress[] {
  const found: AnsweredAddress[] = []
  if (message.length < HEADER) return found
  let at: number | undefined = HEADER
  for (let questions = message.readUInt16BE(4); questions > 0; questions--) {
    at = endOfName(message, at)
    if (at === undefined) return found
    at += 4
  }
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    at = endOfName(message, at)
    if (at === undefined || at + 10 > message.length) return found
    const type = message.readUInt16BE(at)
    const ttl = message.readUInt32BE(at + 4)
    const length = message.readUInt16BE(at + 8)
    at += 10
    if (at + length > message.length) return found
    if ((type === TYPE.A && length === 4) || (type === TYPE.AAAA && length === 16)) {
      // RFC 2181: a TTL with the top bit set counts as 0.
      found.push({ address: formatIp(message.subarray(at, at + length)), ttl: ttl > 0x7fffffff ? 0 : ttl })
    }
    at += length
  }
  return found
}
