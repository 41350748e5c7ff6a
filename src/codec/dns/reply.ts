import { encode } from 'dns-packet'
import { HEADER, TYPE } from './query.ts'
import type { Query } from './query.ts'

/** The owner name of an answer points at the question, which stands at offset 12. */
const OWNER = 0xc00c
const OPT_LENGTH = 11

/**
 * A resource record with the question's name, ready to stand behind it.
 * @param data address, or the name that a PTR points at
 * @param ttl seconds
 */
export function record(type: 'A' | 'AAAA' | 'PTR', data: string, ttl: number): Buffer {
  const message = encode({ type: 'response', answers: [{ type, name: '.', class: 'IN', ttl, data }] })
  // Behind the header stands the root name, one byte; a pointer takes its place.
  const rest = message.subarray(HEADER + 1)
  const buffer = Buffer.allocUnsafe(2 + rest.length)
  buffer.writeUInt16BE(OWNER, 0)
  buffer.set(rest, 2)
  return buffer
}

export interface ReplyOptions {
  rcode: number
  answers?: readonly Buffer[]
  /** First of `answers` to write; they follow in turn, so that clients spread. */
  rotate?: number
  /** Bytes; answers that do not fit are left out and TC is set. */
  limit: number
  authoritative?: boolean
}

/** The answer to `query`, whose bytes are `message`: id, question (its case too) and RD are the asker's own. */
export function reply(message: Buffer, query: Query, options: ReplyOptions): Buffer {
  const { rcode, answers = [], rotate = 0, limit, authoritative = true } = options
  const room = limit - query.end - (query.edns ? OPT_LENGTH : 0)
  let count = 0
  let bytes = 0
  for (; count < answers.length; count++) {
    const length = answers[(count + rotate) % answers.length]!.length
    if (bytes + length > room) break
    bytes += length
  }
  const truncated = count < answers.length
  const buffer = Buffer.allocUnsafe(query.end + bytes + (query.edns ? OPT_LENGTH : 0))
  message.copy(buffer, 0, 0, query.end)
  buffer[2] =
    0x80 | (query.opcode << 3) | (authoritative ? 4 : 0) | (truncated ? 2 : 0) | (query.recursionDesired ? 1 : 0)
  buffer[3] = 0x80 | (rcode & 15)
  buffer.writeUInt32BE(0x10000 | count, 4)
  buffer.writeUInt32BE(query.edns ? 1 : 0, 8)
  let at = query.end
  for (let i = 0; i < count; i++) at += answers[(i + rotate) % answers.length]!.copy(buffer, at)
  if (query.edns) {
    buffer[at] = 0
    buffer.writeUInt16BE(TYPE.OPT, at + 1)
    buffer.writeUInt16BE(query.udpSize, at + 3)
    buffer.writeUInt32BE(((rcode >> 4) << 24) | (query.dnssec ? 0x8000 : 0), at + 5)
    buffer.writeUInt16BE(0, at + 9)
  }
  return buffer
}

/** FORMERR for a query whose question cannot be read: a bare header. */
export function malformedReply(message: Buffer, rcode: number): Buffer {
  const buffer = Buffer.alloc(HEADER)
  message.copy(buffer, 0, 0, 2)
  buffer[2] = 0x80 | (message[2]! & 0x79)
  buffer[3] = 0x80 | rcode
  return buffer
}
