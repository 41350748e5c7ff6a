import { rfc3339Nano } from '#lib/clock.ts'
import { messageOf } from '#lib/errors.ts'
import type { ContainerRecord, Exit } from '#model/container.ts'
import { isAlive } from '#model/container-state.ts'
import type { ExitReport } from '#ports/runtime.ts'
import { directoryOf, type Context } from './context.ts'
import { servesIn } from './health/watch.ts'
import { detached, ownerOf } from './owner.ts'
import { purge } from './purge.ts'
import { startsWithDaemon } from './restart-policy.ts'
import { cleanUp } from './run/clean-up.ts'
import { exitedLocked, restartLater } from './run/exited.ts'
import { shmPath } from './run/join.ts'
import { unpinAll } from './run/pin-sources.ts'
import { watchRun } from './run/watch-run.ts'
import { parseNetworkMode } from './spec/modes.ts'

/** An unknown end: the process went with a reboot, or its monitor was killed with it. */
const LOST = 255

/**
 * After a restart of the daemon: what the records say is compared with what runs. Containers that live are watched
 * again; ends that nobody saw are handled; half-done starts are undone and half-done removals finished; what the
 * runtime has without a record goes. Must be done before the API listens.
 */
export async function recover(ctx: Context): Promise<void> {
  const records = ctx.records.all()
  const ended: { record: ContainerRecord; report: ExitReport }[] = []
  const live: ContainerRecord[] = []
  await Promise.all(
    records.map(async record => {
      const report = await compare(ctx, record)
      const now = ctx.records.get(record.id)
      if (!now) return
      if (report) ended.push({ record: now, report })
      else if (isAlive(now.state)) live.push(now)
    }),
  )
  await recoverNetworks(ctx, live)
  await ctx.volumes.recover(volumesInUse(live))
  for (const record of live) watchRun(ctx, record)
  await Promise.all(
    ended.map(({ record, report }) =>
      guarded(ctx, record, () => ctx.locks.run(record.id, () => exitedLocked(ctx, report))),
    ),
  )
  await Promise.all(records.map(record => guarded(ctx, record, () => finishRemoval(ctx, record.id))))
  try {
    await sweep(ctx)
  } catch (error) {
    ctx.log.error('sweeping failed', { error: messageOf(error) })
  }
  resumeRestarts(ctx)
}

/** Brings one record in line with the runtime. Returns the end of a run that nobody handled yet. */
async function compare(ctx: Context, record: ContainerRecord): Promise<ExitReport | undefined> {
  const { id, state } = record
  if (state.kind !== 'running' && state.kind !== 'paused' && state.kind !== 'starting') return undefined
  const status = await ctx.runtime.inspect(id)
  if (state.kind === 'starting') {
    if (status.kind === 'running') {
      const run = { pid: status.pid, pidStartTime: status.pidStartTime, startedAt: state.since }
      // It got as far as running; how its network is was not written down, so it cannot be taken over: it starts anew.
      ctx.log.info('a start was cut short: ending it', { container: id, pid: run.pid })
    }
    await ctx.runtime.delete(id)
    await cleanUp(ctx, record)
    const last: Exit = state.last ?? { code: 128, finishedAt: '', oomKilled: false, error: '' }
    const error = 'the daemon ended while the container started'
    ctx.records.update(id, {
      endpoints: detached(record.endpoints),
      publishedPorts: [],
      sandboxPath: '',
      // As after any start that failed: `finishRemoval` takes those that remove themselves.
      state: record.hostConfig.AutoRemove
        ? { kind: 'removing', last: { ...last, error } }
        : state.last
          ? { kind: 'exited', last: { ...last, error }, startedAt: state.since }
          : { kind: 'created', error, exitCode: 128 },
    })
    return undefined
  }
  if (status.kind === 'running' && status.pidStartTime === state.run.pidStartTime) return undefined
  if (status.kind === 'exited') return status.exit
  return { containerId: id, exitCode: LOST, finishedAt: ctx.clock.now(), oomKilled: false }
}

async function recoverNetworks(ctx: Context, live: ContainerRecord[]): Promise<void> {
  const liveIds = new Set(live.map(record => record.id))
  const shares = (record: ContainerRecord) => parseNetworkMode(record.hostConfig.NetworkMode).kind === 'container'
  await ctx.networks.recover(
    live
      .filter(record => !shares(record))
      .map(record => ({
        owner: ownerOf(record),
        sandboxPath: record.sandboxPath,
        endpoints: record.endpoints,
        ports: record.publishedPorts,
        healthy: servesIn(record.state),
      })),
    ctx.records
      .all()
      .filter(record => !liveIds.has(record.id) && !shares(record))
      .map(record => ({ owner: ownerOf(record), endpoints: record.endpoints })),
  )
}

function volumesInUse(live: ContainerRecord[]): Map<string, string[]> {
  const users = new Map<string, string[]>()
  for (const record of live) {
    for (const plan of record.mountPlan ?? []) {
      if (plan.type === 'volume') users.set(plan.source, [...(users.get(plan.source) ?? []), record.id])
    }
  }
  return users
}

/** Removals that a crash cut short, and automatic ones that it kept from beginning. */
async function finishRemoval(ctx: Context, id: string): Promise<void> {
  const record = ctx.records.get(id)
  if (!record) return
  const { state } = record
  const forgotten = state.kind === 'exited' && record.hostConfig.AutoRemove
  if (state.kind !== 'removing' && !forgotten) return
  const exit = state.last ?? { code: 0, finishedAt: rfc3339Nano(ctx.clock.nowNano()), oomKilled: false, error: '' }
  await ctx.locks.run(id, async () => {
    await ctx.runtime.delete(id)
    await cleanUp(ctx, record)
    await purge(ctx, id, exit, { volumes: record.hostConfig.AutoRemove })
  })
}

/** Containers that waited for their restart go on waiting; those that are to run whenever the daemon does start. */
function resumeRestarts(ctx: Context): void {
  for (const record of ctx.records.all()) {
    const { state, hostConfig, stoppedByUser } = record
    if (state.kind === 'restarting') {
      restartLater(ctx, record.id, Math.max(0, state.nextAt - ctx.clock.now()))
    } else if (state.kind === 'exited' && startsWithDaemon(hostConfig.RestartPolicy, stoppedByUser)) {
      const { last, startedAt } = state
      ctx.records.update(record.id, {
        stoppedByUser: false,
        restartCount: 0,
        state: { kind: 'restarting', last, startedAt, nextAt: ctx.clock.now() },
      })
      restartLater(ctx, record.id, 0)
    }
  }
}

/** What a crash left of containers that are gone or do not run: processes, mounts, directories. Snapshots are the images' (`snapshotKeys`). */
async function sweep(ctx: Context): Promise<void> {
  const idle = ctx.records.all().filter(({ state }) => !isAlive(state))
  const strays = (await ctx.runtime.list()).filter(id => !ctx.records.get(id))
  const directories = `${ctx.dataRoot}/containers`
  const made = (await ctx.files.stat(directories)) ? await ctx.files.list(directories) : []
  await Promise.all([
    unpinAll(ctx),
    ...idle.map(record => cleanUp(ctx, record)),
    ...strays.map(id => ctx.runtime.delete(id)),
    ...made.filter(id => !ctx.records.get(id)).map(id => removeDirectory(ctx, id)),
  ])
}

async function removeDirectory(ctx: Context, id: string): Promise<void> {
  await ctx.mounts.unmount(shmPath(ctx, id))
  await ctx.files.remove(directoryOf(ctx, id))
}

async function guarded(ctx: Context, record: ContainerRecord, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    ctx.log.error('recovering a container failed', { container: record.id, error: messageOf(error) })
  }
}
