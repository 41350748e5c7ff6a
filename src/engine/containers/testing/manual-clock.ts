import type { Clock } from '#lib/clock.ts'

interface Sleeper {
  at: number
  wake: () => void
}

/** Time that passes when the test says so. */
export class ManualClock implements Clock {
  #now = Date.parse('2026-01-02T03:04:05Z')
  #nano = 0n
  readonly #sleepers = new Set<Sleeper>()

  now(): number {
    return this.#now
  }

  nowNano(): bigint {
    return BigInt(this.#now) * 1_000_000n + this.#nano++
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const sleeper = { at: this.#now + ms, wake: resolve }
      this.#sleepers.add(sleeper)
      signal?.addEventListener(
        'abort',
        () => {
          this.#sleepers.delete(sleeper)
          reject(signal.reason as Error)
        },
        { once: true },
      )
    })
  }

  /** Lets `ms` pass, waking sleepers in order, and what they do run in between. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await settle()
      const next = Array.from(this.#sleepers).sort((a, b) => a.at - b.at)[0]
      if (!next || next.at > end) break
      this.#now = Math.max(this.#now, next.at)
      this.#sleepers.delete(next)
      next.wake()
    }
    this.#now = end
    await settle()
  }
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
}
