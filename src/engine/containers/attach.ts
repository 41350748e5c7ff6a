import { conflict } from '#lib/errors.ts'
import { isAlive } from '#model/container-state.ts'
import type { Attachment } from '#ports/runtime.ts'
import { publish, type Context } from './context.ts'
import { PendingAttachment } from './pending-attachment.ts'

/**
 * `POST /containers/{id}/attach`. To a container that does not run yet it is made now and bound by the next start,
 * before the process execs. `signal` closes it.
 */
export async function attach(
  ctx: Context,
  reference: string,
  options: { signal: AbortSignal; stdin?: boolean },
): Promise<Attachment> {
  const { id } = ctx.records.find(reference)
  const attachment = await ctx.locks.run(id, () => attachLocked(ctx, id, options.stdin ?? true))
  if (options.signal.aborted) attachment.close()
  else options.signal.addEventListener('abort', () => attachment.close(), { once: true })
  return attachment
}

async function attachLocked(ctx: Context, id: string, stdin: boolean): Promise<Attachment> {
  const record = ctx.records.find(id)
  const { state } = record
  if (state.kind === 'paused') throw conflict(`container ${id} is paused, unpause the container before attach`)
  if (state.kind === 'restarting') throw conflict(`container ${id} is restarting, wait until the container is running`)
  if (state.kind === 'removing' || state.kind === 'dead') {
    throw conflict(`container ${id} is ${state.kind}: it cannot be attached to`)
  }
  publish(ctx, record, 'attach')
  if (isAlive(state)) return ctx.runtime.attach({ containerId: id }, { stdin })
  const live = ctx.live.of(id)
  const pending = new PendingAttachment(stdin, () => live.pending.delete(pending))
  live.pending.add(pending)
  return pending
}
