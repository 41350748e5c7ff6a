import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError, messageOf } from '#lib/errors.ts'

/** Milliseconds before each try: two minutes in all. */
export const DELAYS: readonly number[] = [500, 1000, 2000, 4000, 8000, 15_000, 20_000, 20_000, 20_000, 30_000]

/** How long a place that does not answer is waited for. */
export class Patience {
  readonly #delays: readonly number[]
  readonly #onWait: ((reason: string) => void) | undefined
  readonly #signal: AbortSignal | undefined
  #tries = 0

  constructor(
    delays: readonly number[],
    options: { onWait?: ((reason: string) => void) | undefined; signal?: AbortSignal | undefined } = {},
  ) {
    this.#delays = delays
    this.#onWait = options.onWait
    this.#signal = options.signal
  }

  get signal(): AbortSignal | undefined {
    return this.#signal
  }

  /** Waits before the next try. @throws the error itself when there have been enough, or the signal's reason */
  async after(error: unknown): Promise<void> {
    this.#signal?.throwIfAborted()
    const delay = this.#delays[this.#tries]
    if (delay === undefined) {
      if (this.#delays.length === 0) throw error
      const { kind, details } = error instanceof BerthError ? error : { kind: 'unavailable' as const, details: {} }
      const message = `${messageOf(error)}: given up after ${this.#tries} more tries`
      throw new BerthError(kind, message, { cause: error, details })
    }
    this.#tries++
    const when = delay >= 1000 ? `${Math.round(delay / 1000)} s` : `${delay} ms`
    this.#onWait?.(`${messageOf(error)}: trying again in ${when} (${this.#tries} of ${this.#delays.length})`)
    await sleep(delay, undefined, { signal: this.#signal }).catch(() => this.#signal?.throwIfAborted())
  }

  /** It goes on: what comes has all the tries again. */
  progressed(): void {
    if (this.#tries === 0) return
    this.#tries = 0
    this.#onWait?.('')
  }
}
