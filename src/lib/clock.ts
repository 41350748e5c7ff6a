/** Time as a dependency, so that tests can own it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Nanoseconds since the epoch, strictly increasing within the process. */
  nowNano(): bigint
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason. Never keeps the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export function systemClock(): Clock {
  let last = 0n
  const epoch = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint()
  return {
    now: () => Date.now(),
    nowNano() {
      const wall = BigInt(Date.now()) * 1_000_000n
      let t = epoch + process.hrtime.bigint()
      // The wall clock was set: follow it.
      if (t - wall > 1_000_000_000n || wall - t > 1_000_000_000n) t = wall
      last = t > last ? t : last + 1n
      return last
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error)
        const onAbort = () => {
          clearTimeout(timer)
          reject(signal!.reason as Error)
        }
        const timer = setTimeout(() => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        }, ms)
        timer.unref()
        signal?.addEventListener('abort', onAbort, { once: true })
      })
    },
  }
}

/** RFC 3339 with nanoseconds, as Docker prints times: `2026-01-02T03:04:05.123456789Z`. */
export function rfc3339Nano(nanos: bigint): string {
  const ms = Number(nanos / 1_000_000n)
  const fraction = String(nanos % 1_000_000_000n).padStart(9, '0')
  return `${new Date(ms).toISOString().slice(0, 19)}.${fraction}Z`
}

/** Docker's "never": the zero time of Go. */
export const ZERO_TIME = '0001-01-01T00:00:00Z'
