import type { Healthcheck } from '#model/config.ts'
import type { Health, HealthProbe } from '#model/container.ts'

const KEPT_PROBES = 5
const SECOND = 1000

/** A health check with its defaults, in milliseconds. */
export interface HealthPlan {
  command: string[]
  interval: number
  timeout: number
  retries: number
  startPeriod: number
  startInterval: number
}

/** undefined when there is nothing to check. `shell` is the image's SHELL. */
export function healthPlan(
  check: Healthcheck | undefined,
  shell: string[] = ['/bin/sh', '-c'],
): HealthPlan | undefined {
  const [kind = '', ...rest] = check?.Test ?? []
  if (!check || kind === '' || kind === 'NONE') return undefined
  const command = kind === 'CMD' ? rest : [...shell, rest.join(' ')]
  if (command.length === 0) return undefined
  const ms = (nanos: number | undefined, fallback: number) => (nanos ? nanos / 1e6 : fallback)
  return {
    command,
    interval: ms(check.Interval, 30 * SECOND),
    timeout: ms(check.Timeout, 30 * SECOND),
    retries: check.Retries || 3,
    startPeriod: ms(check.StartPeriod, 0),
    startInterval: ms(check.StartInterval, 5 * SECOND),
  }
}

export const STARTING: Health = { Status: 'starting', FailingStreak: 0, Log: [] }

/**
 * What a probe makes of the health. Failures in the start period do not count until the first success.
 * @param sinceStart milliseconds from the start of the run to the start of the probe
 */
export function afterProbe(before: Health, probe: HealthProbe, plan: HealthPlan, sinceStart: number): Health {
  const Log = [...before.Log, probe].slice(-KEPT_PROBES)
  if (probe.ExitCode === 0) return { Status: 'healthy', FailingStreak: 0, Log }
  const lenient = before.Status === 'starting' && sinceStart < plan.startPeriod
  const FailingStreak = lenient ? before.FailingStreak : before.FailingStreak + 1
  return { Status: !lenient && FailingStreak >= plan.retries ? 'unhealthy' : before.Status, FailingStreak, Log }
}

/** Milliseconds until the next probe. */
export function nextProbeIn(health: Health, plan: HealthPlan, sinceStart: number): number {
  return health.Status === 'starting' && sinceStart < plan.startPeriod ? plan.startInterval : plan.interval
}
