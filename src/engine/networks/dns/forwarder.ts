import { answers, readAnswer, revive, truncate } from '#codec/dns/message.ts'
import { RCODE } from '#codec/dns/query.ts'
import { reply } from '#codec/dns/reply.ts'
import { AnswerCache } from './cache.ts'
import type { Query } from '#codec/dns/query.ts'
import type { Clock } from '#lib/clock.ts'
import type { DnsSockets } from '#ports/resolver.ts'

/** Milliseconds for one server, and for all of them: below the five seconds after which resolvers ask again. */
const PER_SERVER = 2000
const IN_ALL = 4500
/** Milliseconds that a server which did not answer is asked last. */
const SHUNNED = 30_000
/** Questions on their way at once, a socket each. Beyond it askers are told so, while names of containers go on. */
const MOST = 512

/** Asks upstream servers on behalf of sandboxes. One object for each set of servers; it keeps their cache. */
export class Forwarder {
  readonly #sockets: DnsSockets
  readonly #clock: Clock
  readonly #servers: () => readonly string[]
  /** Namespace to ask from; undefined is the daemon's. */
  readonly #sandbox: string | undefined
  readonly #cache = new AnswerCache()
  readonly #asking = new Map<string, Promise<Buffer | undefined>>()
  readonly #deadSince = new Map<string, number>()

  constructor(sockets: DnsSockets, clock: Clock, servers: () => readonly string[], sandbox?: string) {
    this.#sockets = sockets
    this.#clock = clock
    this.#servers = servers
    this.#sandbox = sandbox
  }

  /** Never throws: SERVFAIL when no server gave a usable answer. */
  async forward(message: Buffer, query: Query, transport: 'udp' | 'tcp'): Promise<Buffer> {
    const key = `${query.name} ${query.type} ${query.class} ${query.dnssec ? 1 : 0}${query.edns ? 1 : 0}`
    const cached = this.#cache.get(key, this.#clock.now())
    if (cached) {
      return this.#fit(revive(cached.answer, cached.ttlOffsets, cached.age, message, query), query, transport)
    }
    let asking = this.#asking.get(key)
    if (!asking && this.#asking.size >= MOST) return failed(message, query)
    if (!asking) {
      asking = this.#askAll(message, query, key).finally(() => this.#asking.delete(key))
      this.#asking.set(key, asking)
    }
    const answer = await asking
    if (!answer) return failed(message, query)
    return this.#fit(revive(answer, [], 0, message, query), query, transport)
  }

  #fit(answer: Buffer, query: Query, transport: 'udp' | 'tcp'): Buffer {
    return transport === 'udp' && answer.length > query.udpSize ? truncate(answer, query) : answer
  }

  async #askAll(message: Buffer, query: Query, key: string): Promise<Buffer | undefined> {
    const started = this.#clock.now()
    let failure: Buffer | undefined
    for (const server of this.#inOrder(started)) {
      const left = IN_ALL - (this.#clock.now() - started)
      if (left < 100) break
      const answer = await this.#ask(server, message, query, Math.min(PER_SERVER, left))
      const read = answer && readAnswer(answer)
      if (!answer || !read) continue
      // SERVFAIL and REFUSED speak for this server only; NXDOMAIN is an answer.
      if (read.rcode !== RCODE.ok && read.rcode !== RCODE.nxDomain) {
        failure = answer
        continue
      }
      this.#cache.put(key, answer, read, this.#clock.now())
      return answer
    }
    return failure
  }

  async #ask(server: string, message: Buffer, query: Query, timeoutMs: number): Promise<Buffer | undefined> {
    const options = { timeoutMs, ...(this.#sandbox !== undefined && { sandbox: this.#sandbox }) }
    try {
      let answer = await this.#sockets.ask(server, message, options)
      if (!answers(message, query, answer)) return undefined
      if ((answer[2]! & 2) !== 0) {
        // Cut short: the whole of it comes by TCP; without TCP the piece is better than nothing.
        const whole = await this.#sockets.ask(server, message, { ...options, tcp: true }).catch(() => undefined)
        if (whole && answers(message, query, whole)) answer = whole
      }
      this.#deadSince.delete(server)
      return answer
    } catch {
      this.#deadSince.set(server, this.#clock.now())
      return undefined
    }
  }

  /** As configured, but servers that were dead a moment ago come last. */
  #inOrder(now: number): string[] {
    const dead = (server: string) => now - (this.#deadSince.get(server) ?? -Infinity) < SHUNNED
    const servers = this.#servers()
    return [...servers.filter(server => !dead(server)), ...servers.filter(dead)]
  }
}

function failed(message: Buffer, query: Query): Buffer {
  return reply(message, query, { rcode: RCODE.servFail, limit: query.udpSize, authoritative: false })
}
