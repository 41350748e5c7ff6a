/** Numbers of RFC 1035, RFC 6891 and RFC 3596 that Berth uses. */
export const TYPE = { A: 1, NS: 2, SOA: 6, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const
export const RCODE = { ok: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, refused: 5, badVers: 16 } as const

export const HEADER = 12
const PLAIN_UDP = 512
/** More than this in one datagram is fragmented on the way, which the sandbox's loopback does not do, but a cap is due. */
const MAX_UDP = 4096

export interface Query {
  id: number
  opcode: number
  recursionDesired: boolean
  /** Lower case, without the final dot. */
  name: string
  type: number
  class: number
  /** Offset behind the question. */
  end: number
  /** Largest UDP answer that the asker takes, bytes. */
  udpSize: number
  edns: boolean
  /** RFC 6891: BADVERS for all but 0. */
  ednsVersion: number
  /** DNSSEC OK, which changes what upstream answers. */
  dnssec: boolean
}

/**
 * Reads the one question of a query. Hand-written since it runs for each query: no object a label, no option parsed that
 * nobody asks for. undefined: not a query, or too short to answer; 'malformed': answer FORMERR.
 */
export function readQuery(message: Buffer): Query | 'malformed' | undefined {
  if (message.length < HEADER || (message[2]! & 0x80) !== 0) return undefined
  const opcode = (message[2]! >> 3) & 15
  if (message.readUInt16BE(4) !== 1) return 'malformed'
  const end = endOfName(message, HEADER)
  if (end === undefined || end + 4 > message.length) return 'malformed'
  const query: Query = {
    id: message.readUInt16BE(0),
    opcode,
    recursionDesired: (message[2]! & 1) !== 0,
    name: nameAt(message, HEADER),
    type: message.readUInt16BE(end),
    class: message.readUInt16BE(end + 2),
    end: end + 4,
    udpSize: PLAIN_UDP,
    edns: false,
    ednsVersion: 0,
    dnssec: false,
  }
  // The OPT record of a plain query is the first and only one behind the question: root name, type 41, size as class.
  const at = query.end
  if (message.readUInt16BE(10) > 0 && at + 11 <= message.length && message[at] === 0) {
    if (message.readUInt16BE(at + 1) === TYPE.OPT) {
      query.edns = true
      query.ednsVersion = message[at + 6]!
      query.udpSize = Math.min(Math.max(message.readUInt16BE(at + 3), PLAIN_UDP), MAX_UDP)
      query.dnssec = (message[at + 7]! & 0x80) !== 0
    }
  }
  return query
}

/** Offset behind an uncompressed or compressed name; undefined when it runs out of the message. */
export function endOfName(message: Buffer, start: number): number | undefined {
  for (let at = start; at < message.length;) {
    const length = message[at]!
    if (length === 0) return at + 1
    if (length >= 0xc0) return at + 2 <= message.length ? at + 2 : undefined
    if (length > 63) return undefined
    at += 1 + length
  }
  return undefined
}

/** The name in a question, which is never compressed. */
function nameAt(message: Buffer, start: number): string {
  let at = start
  let name = ''
  while (message[at]! > 0 && message[at]! < 64) {
    const length = message[at]!
    name += (name ? '.' : '') + message.toString('latin1', at + 1, at + 1 + length)
    at += 1 + length
  }
  return name.toLowerCase()
}
