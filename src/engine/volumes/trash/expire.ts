import { messageOf } from '#lib/errors.ts'
import type { Context } from '../context.ts'
import { deleteForGood } from './empty.ts'
import type { Expiry } from './entry.ts'

/** Timers take no more than 24 days, and clocks are set. */
const LONGEST = 3_600_000

/** Deletes what has been kept long enough: one timer, for what goes first. */
export class TrashExpiry implements Expiry {
  readonly #ctx: Context
  #waiting: AbortController | undefined
  #closed = false

  constructor(ctx: Context) {
    this.#ctx = ctx
  }

  reset(): void {
    this.#waiting?.abort(new Error('reset'))
    this.#waiting = undefined
    if (this.#closed) return
    const first = Math.min(...this.#ctx.trash.list().map(entry => entry.expiresAt))
    if (first === Infinity) return
    const waiting = (this.#waiting = new AbortController())
    const { clock } = this.#ctx
    clock.sleep(Math.min(Math.max(0, first - clock.now()), LONGEST), waiting.signal).then(
      () => this.#expire(),
      () => {},
    )
  }

  close(): void {
    this.#closed = true
    this.reset()
  }

  async #expire(): Promise<void> {
    const ctx = this.#ctx
    try {
      for (const entry of ctx.trash.list()) {
        if (!this.#closed && entry.expiresAt <= ctx.clock.now()) await deleteForGood(ctx, entry)
      }
    } catch (error) {
      ctx.log.warn('the trash could not be looked through', { error: messageOf(error) })
    }
    this.reset()
  }
}
