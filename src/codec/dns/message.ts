import { HEADER, TYPE, endOfName } from './query.ts'
import type { Query } from './query.ts'

/** What a resolver must know of an answer from upstream; the rest is passed on as it came. */
export interface UpstreamAnswer {
  rcode: number
  truncated: boolean
  /** Offsets of the TTL fields, OPT left out. */
  ttlOffsets: number[]
  /** Smallest TTL, seconds; undefined without records. */
  minTtl: number | undefined
  answers: number
}

/** undefined when the message does not parse to its end or is not an answer. */
export function readAnswer(message: Buffer): UpstreamAnswer | undefined {
  if (message.length < HEADER || (message[2]! & 0x80) === 0) return undefined
  let at: number | undefined = HEADER
  for (let questions = message.readUInt16BE(4); questions > 0; questions--) {
    at = endOfName(message, at)
    if (at === undefined) return undefined
    at += 4
  }
  const ttlOffsets: number[] = []
  let minTtl: number | undefined
  const answered = message.readUInt16BE(6)
  const records = answered + message.readUInt16BE(8) + message.readUInt16BE(10)
  for (let i = 0; i < records; i++) {
    at = endOfName(message, at)
    if (at === undefined || at + 10 > message.length) return undefined
    if (message.readUInt16BE(at) !== TYPE.OPT) {
      ttlOffsets.push(at + 4)
      const ttl = message.readUInt32BE(at + 4)
      // RFC 2181: a TTL with the top bit set counts as 0.
      minTtl = Math.min(minTtl ?? Infinity, ttl > 0x7fffffff ? 0 : ttl)
    }
    const type = message.readUInt16BE(at)
    const length = message.readUInt16BE(at + 8)
    at += 10 + length
    if (at > message.length) return undefined
    // RFC 2308: how long a negative answer holds is the least of the SOA's TTL and its last field.
    if (type === TYPE.SOA && i >= answered && length >= 20) minTtl = Math.min(minTtl!, message.readUInt32BE(at - 4))
  }
  const truncated = (message[2]! & 2) !== 0
  return { rcode: message[3]! & 15, truncated, ttlOffsets, minTtl, answers: answered }
}

/** Whether `answer` has the id and the question of the query whose bytes are `message`; case may differ. */
export function answers(message: Buffer, query: Query, answer: Buffer): boolean {
  if (answer.length < query.end || answer.readUInt16BE(0) !== query.id) return false
  // Some servers leave the question out of an error.
  if (answer.readUInt16BE(4) === 0) return (answer[3]! & 15) !== 0
  const question = (from: Buffer) => from.toString('latin1', HEADER, query.end).toLowerCase()
  return question(message) === question(answer)
}

/** A stored answer made to fit another asking of the same question: id, case, age. @param age seconds */
export function revive(
  stored: Buffer,
  ttlOffsets: readonly number[],
  age: number,
  message: Buffer,
  query: Query,
): Buffer {
  const buffer = Buffer.from(stored)
  if (buffer.length >= query.end && buffer.readUInt16BE(4) === 1) message.copy(buffer, HEADER, HEADER, query.end)
  buffer.writeUInt16BE(query.id, 0)
  for (const at of ttlOffsets) buffer.writeUInt32BE(Math.max(0, buffer.readUInt32BE(at) - age), at)
  return buffer
}

/** Cut to the header and question, TC set: the asker comes back over TCP. */
export function truncate(answer: Buffer, query: Query): Buffer {
  const buffer = Buffer.from(answer.subarray(0, query.end))
  buffer[2] = buffer[2]! | 2
  buffer.fill(0, 6, HEADER)
  return buffer
}
