import { BerthError, invalid, notFound } from '#lib/errors.ts'
import type { ContainerRecord, Exit } from '#model/container.ts'
import { canRemove, isAlive } from '#model/container-state.ts'
import type { Context } from './context.ts'
import { cancelRestart, endProcess } from './end-process.ts'
import { purge } from './purge.ts'

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
  if (options.force) {
    await ctx.locks.run(id, async () => cancelRestart(ctx, id))
    await endProcess(ctx, id)
  }
  await ctx.locks.run(id, async () => {
    const record = ctx.records.get(id)
    // Killed, an `AutoRemove` container has removed itself.
    if (!record && options.force) return
    if (!record) throw notFound(`No such container: ${reference}`)
    check(record, options.force)
    await purge(ctx, id, lastExit(record), { volumes: options.volumes })
  })
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
