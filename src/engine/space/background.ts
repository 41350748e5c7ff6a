import type { Clock } from '#lib/clock.ts'

/** Milliseconds before the first of them: what follows a burst of changes is done once. */
const DELAY = 1_000

/** Work on paths that nobody waits for, one after the other, each path once. Without work it holds nothing. */
export class Background<T extends { path: string }> {
  readonly #clock: Clock
  readonly #work: (item: T, signal: AbortSignal) => Promise<void>
  readonly #waiting = new Map<string, T>()
  readonly #end = new AbortController()
  #running: Promise<void> | undefined

  /** @param work never throws */
  constructor(clock: Clock, work: (item: T, signal: AbortSignal) => Promise<void>) {
    this.#clock = clock
    this.#work = work
  }

  add(item: T): void {
    if (this.#end.signal.aborted) return
    this.#waiting.set(item.path, item)
    this.#running ??= this.#run().finally(() => (this.#running = undefined))
  }

  /** It was done otherwise. */
  drop(path: string): void {
    this.#waiting.delete(path)
  }

  async close(): Promise<void> {
    this.#end.abort(new Error('the daemon ends'))
    this.#waiting.clear()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#end
    await this.#clock.sleep(DELAY, signal).catch(() => {})
    for (;;) {
      const next = this.#waiting.values().next()
      if (next.done || signal.aborted) return
      this.#waiting.delete(next.value.path)
      await this.#work(next.value, signal)
    }
  }
}
