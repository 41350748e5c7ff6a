import { isKind } from '#lib/errors.ts'
import type { Exit } from '#model/container.ts'
import { isAlive } from '#model/container-state.ts'
import { publish, type Context } from './context.ts'
import { SIGKILL } from './signals.ts'
import { exitedLocked } from './run/exited.ts'

/** Milliseconds that a killed process may take to be reported. */
const KILL_DEADLINE = 10_000

/** Resolves to undefined when `ms` pass first; below 0 waits for ever. */
export async function within<T>(ctx: Context, ms: number, promise: Promise<T>): Promise<T | undefined> {
  if (ms < 0) return promise
  const timer = new AbortController()
  try {
    return await Promise.race([promise, ctx.clock.sleep(ms, timer.signal).then(() => undefined)])
  } finally {
    timer.abort()
    // The sleep loses the race by rejecting, which nobody is to hear of.
  }
}

/**
 * Signals a live container whose lock is held, and hands out the exit to wait for (wrapped: a bare promise would be
 * awaited, with the lock held); undefined when it is not alive.
 * A frozen process takes no signal but SIGKILL, so it is thawed after.
 */
export async function signalLocked(
  ctx: Context,
  id: string,
  signal: number,
): Promise<{ exit: Promise<Exit> } | undefined> {
  const record = ctx.records.get(id)
  if (!record || !isAlive(record.state)) return undefined
  const exit = ctx.live.of(id).nextExit()
  publish(ctx, record, 'kill', { signal: String(signal) })
  try {
    await ctx.runtime.signal({ containerId: id }, signal)
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error
  }
  if (record.state.kind === 'paused') {
    await ctx.runtime.resume(id)
    const { run, health } = record.state
    ctx.records.setState(id, { kind: 'running', run, ...(health ? { health } : {}) })
  }
  return { exit }
}

/** Kills a container if it lives and waits until its exit is handled. Lock not held. */
export async function endProcess(ctx: Context, id: string): Promise<void> {
  const signalled = await ctx.locks.run(id, async () => {
    const record = ctx.records.get(id)
    if (!record || !isAlive(record.state)) return undefined
    ctx.records.update(id, { stoppedByUser: true })
    return signalLocked(ctx, id, SIGKILL)
  })
  if (signalled) await awaitKilled(ctx, id, signalled.exit)
}

/** After SIGKILL: should the report never come (its monitor died with it), what the kernel says counts. */
export async function awaitKilled(ctx: Context, id: string, exit: Promise<Exit>): Promise<void> {
  if (await within(ctx, KILL_DEADLINE, exit)) return
  await ctx.locks.run(id, async () => {
    const record = ctx.records.get(id)
    if (!record || !isAlive(record.state)) return
    const status = await ctx.runtime.inspect(id)
    if (status.kind === 'running' || status.kind === 'created') {
      throw new Error(
        `container ${record.name} did not end within ${KILL_DEADLINE / 1000} s of SIGKILL: its process may hang in the kernel`,
      )
    }
    const lost = { containerId: id, exitCode: 128 + SIGKILL, finishedAt: ctx.clock.now(), oomKilled: false }
    await exitedLocked(ctx, status.kind === 'exited' ? status.exit : lost)
  })
}

/** A container that waits for its restart stays down instead. Lock held. @returns whether it did wait */
export function cancelRestart(ctx: Context, id: string): boolean {
  const record = ctx.records.get(id)
  if (record?.state.kind !== 'restarting') return false
  ctx.live.of(id).restartTimer?.abort()
  const { last, startedAt } = record.state
  ctx.records.update(id, { stoppedByUser: true, state: { kind: 'exited', last, startedAt } })
  ctx.live.of(id).exits.emit(last)
  return true
}
