import { RCODE } from '#codec/dns/query.ts'
import type { UpstreamAnswer } from '#codec/dns/message.ts'

interface Entry {
  answer: Buffer
  ttlOffsets: readonly number[]
  storedAt: number
  expiresAt: number
}

/** Seconds. */
const MAX_TTL = 300
const MAX_NEGATIVE_TTL = 30

/** Answers from upstream by question, for as long as their TTL says (five minutes at most), oldest out first. */
export class AnswerCache {
  readonly #entries = new Map<string, Entry>()
  readonly #capacity: number

  constructor(capacity = 2048) {
    this.#capacity = capacity
  }

  /** @param now milliseconds */
  get(key: string, now: number): { answer: Buffer; ttlOffsets: readonly number[]; age: number } | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    if (now >= entry.expiresAt || now < entry.storedAt) {
      this.#entries.delete(key)
      return undefined
    }
    return { answer: entry.answer, ttlOffsets: entry.ttlOffsets, age: Math.floor((now - entry.storedAt) / 1000) }
  }

  put(key: string, answer: Buffer, read: UpstreamAnswer, now: number): void {
    const negative = read.rcode === RCODE.nxDomain || read.answers === 0
    if (read.truncated || (read.rcode !== RCODE.ok && read.rcode !== RCODE.nxDomain)) return
    // Without a record (a bare NXDOMAIN) nothing says how long it holds.
    const seconds = Math.min(read.minTtl ?? 0, negative ? MAX_NEGATIVE_TTL : MAX_TTL)
    if (seconds <= 0) return
    this.#entries.delete(key)
    if (this.#entries.size >= this.#capacity) this.#entries.delete(this.#entries.keys().next().value!)
    this.#entries.set(key, { answer, ttlOffsets: read.ttlOffsets, storedAt: now, expiresAt: now + seconds * 1000 })
  }
}
