import { BerthError } from '#lib/errors.ts'
import { canStart } from '#model/container-state.ts'
import { publish, type Context } from './context.ts'
import { startLocked } from './run/start.ts'
import { parseSignal } from './signals.ts'
import { stopProcess, type StopOptions } from './stop.ts'

/** `POST /containers/{id}/restart`: stops it if it runs, then starts it; `AutoRemove` does not take it between. */
export async function restart(ctx: Context, reference: string, options: StopOptions): Promise<void> {
  const record = ctx.records.find(reference)
  const { id } = record
  const signal = parseSignal(options.signal || record.config.StopSignal || 'SIGTERM')
  const live = ctx.live.of(id)
  live.keep = true
  try {
    await stopProcess(ctx, id, signal, options.timeout ?? record.config.StopTimeout ?? 10)
  } finally {
    live.keep = false
  }
  await ctx.locks.run(id, async () => {
    const stopped = ctx.records.find(id)
    const verdict = canStart(stopped.state)
    // Someone else may have started it in between: that will do.
    if (!verdict.ok && verdict.kind !== 'not-modified') {
      throw new BerthError('conflict', `Cannot restart container ${reference}: container ${verdict.reason}`)
    }
    if (verdict.ok) {
      live.backoff = 0
      ctx.records.update(id, { restartCount: 0, stoppedByUser: false })
      await startLocked(ctx, id)
    }
    publish(ctx, stopped, 'restart')
  })
}
