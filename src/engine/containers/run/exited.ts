import { rfc3339Nano } from '#lib/clock.ts'
import { messageOf } from '#lib/errors.ts'
import type { Exit } from '#model/container.ts'
import { isAlive } from '#model/container-state.ts'
import type { ExitReport } from '#ports/runtime.ts'
import { inBackground, publish, type Context } from '../context.ts'
import { detached } from '../owner.ts'
import { purge } from '../purge.ts'
import { decideRestart } from '../restart-policy.ts'
import { cleanUp, closeNetwork } from './clean-up.ts'
import { startLocked } from './start.ts'
import { unwatchRun } from './watch-run.ts'

/** The runtime reports the end of a container's process. */
export function onExit(ctx: Context, report: ExitReport): Promise<void> {
  return ctx.locks.run(report.containerId, () => exitedLocked(ctx, report))
}

/** What the caller waits for comes first: network given back, state on disk, waiters told. The rest comes after. */
export async function exitedLocked(ctx: Context, report: ExitReport): Promise<void> {
  const { containerId: id } = report
  const record = ctx.records.get(id)
  if (!record || !isAlive(record.state)) return
  const { run } = record.state
  const live = ctx.live.of(id)
  unwatchRun(ctx, id)
  const finished = BigInt(Math.round(report.finishedAt)) * 1_000_000n
  const exit: Exit = {
    code: report.exitCode,
    finishedAt: rfc3339Nano(finished),
    oomKilled: report.oomKilled,
    error: '',
  }
  const ranFor = Math.max(0, report.finishedAt - Date.parse(run.startedAt))
  if (exit.oomKilled) publish(ctx, record, 'oom')
  publish(ctx, record, 'die', { exitCode: String(exit.code), execDuration: String(Math.round(ranFor / 1000)) })
  await closeNetwork(ctx, record)
  const decision = decideRestart({
    policy: record.hostConfig.RestartPolicy,
    exitCode: exit.code,
    ranFor,
    restartCount: record.restartCount,
    backoff: live.backoff,
    stoppedByUser: record.stoppedByUser || live.stopAsked,
  })
  const gone = { endpoints: detached(record.endpoints), publishedPorts: [], sandboxPath: '' }
  if (decision.restart) {
    live.backoff = decision.backoff
    const nextAt = ctx.clock.now() + decision.delay
    ctx.records.update(id, { ...gone, state: { kind: 'restarting', last: exit, startedAt: run.startedAt, nextAt } })
  } else {
    const health = record.state.health
    ctx.records.update(id, {
      ...gone,
      state: { kind: 'exited', last: exit, startedAt: run.startedAt, ...(health ? { health } : {}) },
    })
  }
  if (live.stopAsked) publish(ctx, record, 'stop')
  live.stopAsked = false
  live.runEnded?.resolve()
  live.runEnded = undefined
  if (record.hostConfig.AutoRemove && !live.keep) {
    // The log and root are still held by what cleanUp releases; purge does that too, in the background.
    await purge(ctx, id, exit, { volumes: true, run: true })
    return
  }
  live.exits.emit(exit)
  // Its time runs while the clean-up does; the start itself waits for the lock.
  if (decision.restart) restartLater(ctx, id, decision.delay)
  await cleanUp(ctx, record)
}

/**
 * Starts it again in `delay` milliseconds, unless someone stops, starts or removes it first. A start that fails counts
 * as a short run: what it needs (another container's network, a server) may be there the next time.
 */
export function restartLater(ctx: Context, id: string, delay: number): void {
  const live = ctx.live.of(id)
  live.restartTimer?.abort()
  const timer = (live.restartTimer = new AbortController())
  const again = async () => {
    try {
      await ctx.clock.sleep(delay, timer.signal)
    } catch {
      return
    }
    await ctx.locks.run(id, async () => {
      const record = ctx.records.get(id)
      if (record?.state.kind !== 'restarting' || timer.signal.aborted) return
      ctx.records.update(id, { restartCount: record.restartCount + 1 })
      try {
        await startLocked(ctx, id)
      } catch (error) {
        ctx.log.warn('restarting a container failed', { container: id, error: messageOf(error) })
        tryAgain(ctx, id)
      }
    })
  }
  inBackground(ctx, `restart ${id}`, again)
}

function tryAgain(ctx: Context, id: string): void {
  const record = ctx.records.get(id)
  if (record?.state.kind !== 'exited') return
  const { last, startedAt } = record.state
  const live = ctx.live.of(id)
  const decision = decideRestart({
    policy: record.hostConfig.RestartPolicy,
    exitCode: last.code,
    ranFor: 0,
    restartCount: record.restartCount,
    backoff: live.backoff,
    stoppedByUser: record.stoppedByUser,
  })
  if (!decision.restart) return
  live.backoff = decision.backoff
  ctx.records.setState(id, { kind: 'restarting', last, startedAt, nextAt: ctx.clock.now() + decision.delay })
  restartLater(ctx, id, decision.delay)
}
