import { BerthError } from '#lib/errors.ts'
import type { Exit } from '#model/container.ts'
import { canKill } from '#model/container-state.ts'
import { publish, type Context } from './context.ts'
import { awaitKilled, cancelRestart, signalLocked } from './end-process.ts'
import { parseSignal, SIGKILL } from './signals.ts'

/** `POST /containers/{id}/kill`. After SIGKILL it waits for the end. @throws conflict when it does not run */
export async function kill(ctx: Context, reference: string, signalText: string): Promise<void> {
  const { id } = ctx.records.find(reference)
  const signal = parseSignal(signalText || 'SIGKILL')
  const asked = await ctx.locks.run(id, async (): Promise<{ exit?: Promise<Exit> }> => {
    const record = ctx.records.find(id)
    if (!canKill(record.state).ok) {
      throw new BerthError('conflict', `cannot kill container: ${reference}: container ${id} is not running`)
    }
    if (cancelRestart(ctx, id)) {
      publish(ctx, record, 'kill', { signal: String(signal) })
      return {}
    }
    // A signal that is meant to end it also ends its restarts.
    const own = parseSignal(record.config.StopSignal || 'SIGTERM')
    if (signal === SIGKILL || signal === own) ctx.records.update(id, { stoppedByUser: true })
    const signalled = await signalLocked(ctx, id, signal)
    return signal === SIGKILL ? { exit: signalled?.exit } : {}
  })
  if (asked.exit) await awaitKilled(ctx, id, asked.exit)
}
