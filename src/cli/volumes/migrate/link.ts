import { setTimeout as sleep } from 'node:timers/promises'
import { EngineClient, type Endpoint } from '#client/index.ts'
import { BerthError, messageOf } from '#lib/errors.ts'

/** Milliseconds before the first attempt to connect anew, and the most before a later one. */
const FIRST_WAIT = 500
const LONGEST_WAIT = 5000
/** Milliseconds between two signs of life, and without one until a connection counts as broken. */
const PULSE = 2000
const DEAD_AFTER = 12_000

/** The far side, behind a connection that may break and is made anew. */
export class Link {
  readonly address: string
  readonly #endpoint: Endpoint
  readonly #retryMs: number
  readonly #say: (state: string) => void
  readonly #signal: AbortSignal
  #client: EngineClient

  /**
   * @param retryMs milliseconds without any success after which a broken connection is given up
   * @param say told what goes on with the connection; '' when all is well again
   */
  constructor(endpoint: Endpoint, options: { retryMs: number; say: (state: string) => void; signal: AbortSignal }) {
    this.#endpoint = endpoint
    this.#retryMs = options.retryMs
    this.#say = options.say
    this.#signal = options.signal
    this.#client = this.#connect()
    this.address = this.#client.transport.address
  }

  get client(): EngineClient {
    return this.#client
  }

  close(): void {
    this.#client.close()
  }

  /** Does it once; a connection that gives no sign of life meanwhile is broken. */
  async once<T>(work: (client: EngineClient, signal: AbortSignal) => Promise<T>): Promise<T> {
    const client = this.#client
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, this.#signal])
    const watch = this.#watch(client, over)
    const dead = Promise.withResolvers<never>()
    const stop = () => dead.reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    try {
      signal.throwIfAborted()
      return await Promise.race([work(client, signal), dead.promise])
    } finally {
      signal.removeEventListener('abort', stop)
      over.abort(new BerthError('cancelled', 'this is over'))
      await watch
    }
  }

  /** Does it, again and again on new connections if need be. For what may be done twice. */
  async persist<T>(work: (client: EngineClient, signal: AbortSignal) => Promise<T>): Promise<T> {
    let wait = FIRST_WAIT
    let since: number | undefined
    for (;;) {
      try {
        const done = await this.once(work)
        if (since !== undefined) this.#say('')
        return done
      } catch (error) {
        this.#signal.throwIfAborted()
        if (!isBroken(error)) throw error
        since ??= Date.now()
        const left = since + this.#retryMs - Date.now()
        if (left <= 0) {
          const tried = Math.round(this.#retryMs / 1000)
          throw new BerthError('unavailable', `gave up after ${tried} s without a connection to ${this.address}`, {
            cause: error,
          })
        }
        this.#say(`connection broken, trying again (${messageOf(error)})`)
        await sleep(Math.min(wait, left), undefined, { signal: this.#signal })
        wait = Math.min(wait * 2, LONGEST_WAIT)
        this.renew()
      }
    }
  }

  /** Leaves the connections that there are. */
  renew(): void {
    this.#client.close()
    this.#client = this.#connect()
  }

  async #watch(client: EngineClient, over: AbortController): Promise<void> {
    let heard = Date.now()
    const end = new Promise<void>(resolve => over.signal.addEventListener('abort', () => resolve(), { once: true }))
    while (!over.signal.aborted) {
      await Promise.race([sleep(PULSE, undefined, { ref: false }), end])
      if (over.signal.aborted) return
      const answered = client.system.ping().then(
        () => true,
        () => false,
      )
      const alive = await Promise.race([answered, sleep(PULSE, false, { ref: false }), end])
      if (alive) heard = Date.now()
      else if (Date.now() - heard > DEAD_AFTER && !over.signal.aborted) {
        const details = { connection: true }
        over.abort(new BerthError('unavailable', `no sign of life from ${this.address}`, { details }))
      }
    }
  }

  #connect(): EngineClient {
    return new EngineClient(this.#endpoint, { headers: { 'User-Agent': 'berth' } })
  }
}

/** Whether it is the connection that failed, and not what was asked for. */
export function isBroken(error: unknown): boolean {
  if (error instanceof BerthError) return error.details['connection'] === true && error.kind !== 'unauthenticated'
  return ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((error as NodeJS.ErrnoException)?.code ?? '')
}
