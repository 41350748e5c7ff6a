import { BerthError, conflict, invalid, notFound } from '#lib/errors.ts'
import type { ContainerRecord, Exit } from '#model/container.ts'
import { canRemove, isAlive } from '#model/container-state.ts'
import type { Context } from './context.ts'
import { cancelRestart, endProcess } from './end-process.ts'
import { purge } from './purge.ts'

/** Times that a forced removal kills what others start meanwhile. */
const ATTEMPTS = 20

/** `DELETE /containers/{id}`. */
export async function remove(
  ctx: Context,
  reference: string,
  options: { force: boolean; volumes: boolean; link: boolean },
): Promise<void> {
  const found = ctx.records.find(reference)
  const { id } = found
  if (options.link) {
    throw invalid(
      `cannot remove a link of container "/${found.name}": links go when it leaves the network that has them`,
    )
  }
  check(found, options.force)
  for (let attempt = 1; ; attempt++) {
    if (options.force) {
      await ctx.locks.run(id, async () => cancelRestart(ctx, id))
      await ctx.networks.drain(id, { wait: false })
      await endProcess(ctx, id)
    }
    const removed = await ctx.locks.run(id, async () => {
      const record = ctx.records.get(id)
      // Killed, an `AutoRemove` container has removed itself.
      if (!record && options.force) return true
      if (!record) throw notFound(`No such container: ${reference}`)
      check(record, options.force)
      // Another client started it between its end and now: only what does not run can be purged.
      if (isAlive(record.state) || record.state.kind === 'restarting') return false
      await purge(ctx, id, lastExit(record), { volumes: options.volumes })
      return true
    })
    if (removed) return
    if (attempt === ATTEMPTS) {
      throw conflict(`cannot remove container "/${found.name}": it is started again each time it was killed`)
    }
  }
}

function check(record: ContainerRecord, force: boolean): void {
  const verdict = canRemove(record.state, force)
  if (verdict.ok) return
  if (record.state.kind === 'removing') {
    throw new BerthError('conflict', `removal of container ${record.id} is already in progress`)
  }
  throw new BerthError('conflict', `cannot remove container "/${record.name}": container ${verdict.reason}`)
}

function lastExit({ state }: ContainerRecord): Exit {
  const none: Exit = { code: 0, finishedAt: '', oomKilled: false, error: '' }
  if (state.kind === 'created') return { ...none, code: state.exitCode ?? 0, error: state.error ?? '' }
  return isAlive(state) ? none : (state.last ?? none)
}
