import type { Clock } from '#lib/clock.ts'
import type { OnProgress } from './service.ts'

const INTERVAL = 100

/** Reports `status` with bytes done, at most ten times a second, and always the last. */
export function meter(
  clock: Clock,
  onProgress: OnProgress,
  line: { status: string; id: string; total: number },
): (bytes: number) => void {
  let last = 0
  return bytes => {
    const now = clock.now()
    if (bytes < line.total && now - last < INTERVAL) return
    last = now
    const { status, id, total } = line
    onProgress({ status, progressDetail: { current: Math.min(bytes, total), total }, id })
  }
}
