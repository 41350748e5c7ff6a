/**
 * One piece of work at a time. The kernel has one lock for all link changes (RTNL) anyway, so several requests in flight
 * would only block several pool threads; and what can wait (deletions, which hold that lock for 15-40 ms) lets the rest
 * pass.
 */
export class Lane {
  readonly #urgent: (() => Promise<void>)[] = []
  readonly #later: (() => Promise<void>)[] = []
  #running = false

  run<T>(work: () => Promise<T>, priority: 'urgent' | 'later' = 'urgent'): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const queue = priority === 'urgent' ? this.#urgent : this.#later
      queue.push(() => work().then(resolve, reject))
      if (!this.#running) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#running = true
    for (let next = this.#next(); next; next = this.#next()) await next()
    this.#running = false
  }

  #next(): (() => Promise<void>) | undefined {
    return this.#urgent.shift() ?? this.#later.shift()
  }
}
