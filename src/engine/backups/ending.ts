import type { Logger } from '#lib/log.ts'
import { messageOf } from '#lib/errors.ts'

/**
 * What must happen at the end of a backup, well or not: each step once, in reverse order, past errors. Unlike a rollback
 * it has no deadlines of its own, and its first error counts: a database that does not leave its backup mode has spoilt it.
 */
export class Ending {
  readonly #steps: { what: string; step: () => Promise<void> }[] = []
  readonly #log: Logger
  #last: Promise<Error | undefined> = Promise.resolve(undefined)

  constructor(log: Logger) {
    this.#log = log
  }

  add(what: string, step: () => Promise<void>): void {
    this.#steps.push({ what, step })
  }

  /** Waits for a call that is under way, and does what that leaves. @returns the first error */
  run(): Promise<Error | undefined> {
    return (this.#last = this.#last.then(() => this.#drain()))
  }

  async #drain(): Promise<Error | undefined> {
    let first: Error | undefined
    for (let next = this.#steps.pop(); next; next = this.#steps.pop()) {
      try {
        await next.step()
      } catch (error) {
        first ??= error instanceof Error ? error : new Error(String(error))
        this.#log.warn('the end of a backup did not go well', { step: next.what, error: messageOf(error) })
      }
    }
    return first
  }
}
