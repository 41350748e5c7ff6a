import { BerthError } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import { canPause, canUnpause, type Verdict } from '#model/container-state.ts'
import { publish, type Context } from './context.ts'
import { servesIn } from './health/watch.ts'

/** `POST /containers/{id}/pause`. @throws conflict when it does not run or is paused already */
export function pause(ctx: Context, reference: string): Promise<void> {
  const { id } = ctx.records.find(reference)
  return ctx.locks.run(id, async () => {
    const record = ctx.records.find(id)
    demand(canPause(record.state), id)
    if (record.state.kind !== 'running') return
    const { run, health } = record.state
    // Frozen, it would take connections and never answer.
    await ctx.networks.drain(id, { wait: false })
    try {
      await ctx.runtime.pause(id)
    } catch (error) {
      ctx.networks.started(id)
      throw error
    }
    let paused: ContainerRecord
    try {
      paused = ctx.records.setState(id, { kind: 'paused', run, ...(health ? { health } : {}) })
    } catch (error) {
      // On a full disk: nobody would thaw what is not recorded as frozen.
      await ctx.runtime.resume(id)
      ctx.networks.started(id)
      throw error
    }
    ctx.networks.setHealthy(id, false)
    publish(ctx, paused, 'pause')
  })
}

/** `POST /containers/{id}/unpause`. @throws conflict when it is not paused */
export function unpause(ctx: Context, reference: string): Promise<void> {
  const { id } = ctx.records.find(reference)
  return ctx.locks.run(id, async () => {
    const record = ctx.records.find(id)
    demand(canUnpause(record.state), id)
    if (record.state.kind !== 'paused') return
    const { run, health } = record.state
    await ctx.runtime.resume(id)
    const running = ctx.records.setState(id, { kind: 'running', run, ...(health ? { health } : {}) })
    ctx.networks.setHealthy(id, servesIn(running.state))
    ctx.networks.started(id)
    publish(ctx, running, 'unpause')
  })
}

function demand(verdict: Verdict, id: string): void {
  if (!verdict.ok) throw new BerthError('conflict', `Container ${id} ${verdict.reason}`)
}
