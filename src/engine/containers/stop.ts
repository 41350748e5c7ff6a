import { BerthError } from '#lib/errors.ts'
import type { Exit } from '#model/container.ts'
import { canStop } from '#model/container-state.ts'
import { publish, type Context } from './context.ts'
import { awaitKilled, cancelRestart, signalLocked, within } from './end-process.ts'
import { parseSignal, SIGKILL } from './signals.ts'

const DEFAULT_TIMEOUT = 10

export interface StopOptions {
  /** Seconds; undefined uses the container's own, -1 waits for ever. */
  timeout?: number
  signal?: string
}

/** `POST /containers/{id}/stop`. @throws not-modified when it does not run */
export async function stop(ctx: Context, reference: string, options: StopOptions): Promise<void> {
  const record = ctx.records.find(reference)
  const signal = parseSignal(options.signal || record.config.StopSignal || 'SIGTERM')
  const timeout = options.timeout ?? record.config.StopTimeout ?? DEFAULT_TIMEOUT
  if (!(await stopProcess(ctx, record.id, signal, timeout))) {
    throw new BerthError('not-modified', `container ${record.name} is not running`)
  }
}

/** @returns false when there was nothing to stop */
export async function stopProcess(ctx: Context, id: string, signal: number, timeout: number): Promise<boolean> {
  if (ctx.records.get(id)?.state.kind === 'running') await ctx.networks.drain(id, { wait: true })
  const asked = await ctx.locks.run(id, async (): Promise<{ exit?: Promise<Exit> } | undefined> => {
    const record = ctx.records.get(id)
    if (!record || !canStop(record.state).ok) return undefined
    if (cancelRestart(ctx, id)) {
      publish(ctx, record, 'stop')
      return {}
    }
    ctx.records.update(id, { stoppedByUser: true })
    ctx.live.of(id).stopAsked = true
    return signalLocked(ctx, id, signal)
  })
  if (!asked) return false
  if (!asked.exit) return true
  if (await within(ctx, timeout < 0 ? -1 : timeout * 1000, asked.exit)) return true
  await ctx.locks.run(id, async () => {
    await signalLocked(ctx, id, SIGKILL)
  })
  await awaitKilled(ctx, id, asked.exit)
  return true
}
