import type { RestartPolicy } from '#model/config.ts'

const FIRST_DELAY = 100
const LONGEST_DELAY = 60_000
/** A run this long resets the delay. */
const LONG_RUN = 10_000

export interface Ended {
  policy: RestartPolicy
  exitCode: number
  /** Milliseconds. */
  ranFor: number
  restartCount: number
  /** Restarts in a row whose runs were short. */
  backoff: number
  /** The user stopped it, or is about to. */
  stoppedByUser: boolean
}

export type RestartDecision = { restart: false } | { restart: true; delay: number; backoff: number }

/** What the restart policy says of a run that has ended. Delays in milliseconds: 100, doubling, at most a minute. */
export function decideRestart(ended: Ended): RestartDecision {
  if (!wants(ended)) return { restart: false }
  const backoff = ended.ranFor >= LONG_RUN ? 0 : ended.backoff
  const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** Math.min(backoff, 20))
  return { restart: true, delay, backoff: backoff + 1 }
}

/** Whether a container that does not run starts when the daemon does. `always` forgets a stop then, as Docker's does. */
export function startsWithDaemon(policy: RestartPolicy, stoppedByUser: boolean): boolean {
  return policy.Name === 'always' || (policy.Name === 'unless-stopped' && !stoppedByUser)
}

function wants({ policy, exitCode, restartCount, stoppedByUser }: Ended): boolean {
  if (stoppedByUser) return false
  switch (policy.Name) {
    case 'always':
    case 'unless-stopped':
      return true
    case 'on-failure':
      return exitCode !== 0 && (policy.MaximumRetryCount === 0 || restartCount < policy.MaximumRetryCount)
    default:
      return false
  }
}
