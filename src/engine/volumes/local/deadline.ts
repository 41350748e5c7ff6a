import type { Clock } from '#lib/clock.ts'

export type Timely<T> = { late: false; value: T } | { late: true }

/** The work's result, unless it takes longer than `limit` milliseconds; the work itself goes on then. */
export async function within<T>(clock: Clock, limit: number, work: Promise<T>): Promise<Timely<T>> {
  const stop = new AbortController()
  const late = clock.sleep(limit, stop.signal).then(
    (): Timely<T> => ({ late: true }),
    (): Timely<T> => ({ late: true }),
  )
  try {
    return await Promise.race([work.then((value): Timely<T> => ({ late: false, value })), late])
  } finally {
    stop.abort(new Error('answered'))
  }
}
