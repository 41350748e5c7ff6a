import type { ContainerRecord, Exit } from '#model/container.ts'
import { directoryOf, inBackground, publish, type Context } from './context.ts'
import { cleanUp } from './run/clean-up.ts'

/**
 * Removes a container that does not run and whose lock is held: name, record and ports are free when this returns.
 * After an automatic removal the disk work goes on behind.
 */
export async function purge(
  ctx: Context,
  id: string,
  exit: Exit,
  options: { volumes: boolean; run?: boolean },
): Promise<void> {
  const record = ctx.records.find(id)
  const live = ctx.live.of(id)
  live.restartTimer?.abort()
  ctx.records.setState(id, { kind: 'removing', last: exit })
  for (const pending of live.pending) pending.abandon()
  ctx.networks.forget(id)
  const disk = async () => {
    if (options.run) await cleanUp(ctx, record)
    await Promise.all([
      ctx.images.removeRootfs(record.snapshotKey),
      ctx.files.remove(directoryOf(ctx, id)),
      options.volumes ? removeVolumes(ctx, record) : undefined,
    ])
  }
  if (options.run && !hasAnonymousVolumes(record)) {
    forgetRecord(ctx, record, exit)
    inBackground(ctx, `remove ${record.name}`, disk)
    return
  }
  try {
    await disk()
  } catch (error) {
    ctx.records.setState(id, {
      kind: 'dead',
      last: exit,
      error: error instanceof Error ? error.message : String(error),
    })
    throw error
  }
  forgetRecord(ctx, record, exit)
}

function forgetRecord(ctx: Context, record: ContainerRecord, exit: Exit): void {
  const live = ctx.live.of(record.id)
  ctx.records.delete(record.id)
  for (const [execId, exec] of ctx.execs) if (exec.containerId === record.id) ctx.execs.delete(execId)
  publish(ctx, record, 'destroy')
  live.exits.emit(exit)
  ctx.live.bury(record.id, exit)
}

async function removeVolumes(ctx: Context, record: ContainerRecord): Promise<void> {
  for (const plan of record.mountPlan ?? []) {
    if (
      plan.type !== 'volume' ||
      !plan.anonymous ||
      ctx.records.volumeUsers(plan.source).some(user => user !== record.id)
    )
      continue
    try {
      await ctx.volumes.remove(plan.source, { force: true, except: record.id })
    } catch (error) {
      ctx.log.warn('removing an anonymous volume failed', { volume: plan.source, error })
    }
  }
}

function hasAnonymousVolumes(record: ContainerRecord): boolean {
  return (record.mountPlan ?? []).some(plan => plan.type === 'volume' && plan.anonymous)
}
