import type { ContainerRecord } from '#model/container.ts'
import type { Context } from '../context.ts'
import { logLimits } from '../create/log-config.ts'
import { watchHealth } from '../health/watch.ts'

/** Begins what goes on for as long as a container runs: health checks and log rotation. Also after a restart. */
export function watchRun(ctx: Context, record: ContainerRecord): void {
  const live = ctx.live.of(record.id)
  live.runEnded ??= Promise.withResolvers()
  const limits = logLimits(record.hostConfig.LogConfig)
  if (limits && record.logPath) {
    live.stopRotation = ctx.logs.rotate(record.logPath, limits, () => ctx.runtime.reopenLog(record.id))
  }
  watchHealth(ctx, record)
}

/** Ends them. */
export function unwatchRun(ctx: Context, id: string): void {
  const live = ctx.live.of(id)
  live.health?.abort()
  live.health = undefined
  live.stopRotation?.()
  live.stopRotation = undefined
}
