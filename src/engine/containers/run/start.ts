import { refreshLinking } from '../etc-files.ts'
import { rfc3339Nano } from '#lib/clock.ts'
import { BerthError, messageOf } from '#lib/errors.ts'
import type { Rollback } from '#lib/rollback.ts'
import type { ContainerRecord, Exit, Run } from '#model/container.ts'
import { canStart } from '#model/container-state.ts'
import { inBackground, publish, rollbackFor, type Context } from '../context.ts'
import { detached } from '../owner.ts'
import { purge } from '../purge.ts'
import { parseIpcMode } from '../spec/modes.ts'
import { shmPath } from './join.ts'
import { openNetwork, type RunNetwork } from './network.ts'
import { allDone, resolveMounts } from './resolve-mounts.ts'
import { pinSources } from './pin-sources.ts'
import { gather, specify } from './specify.ts'
import { startFailure } from './start-error.ts'
import { watchRun } from './watch-run.ts'

/** `POST /containers/{id}/start`. @throws not-modified when it runs, conflict when paused or being removed */
export async function start(ctx: Context, reference: string): Promise<void> {
  const { id } = ctx.records.find(reference)
  await ctx.locks.run(id, async () => {
    const record = ctx.records.find(id)
    const verdict = canStart(record.state)
    if (!verdict.ok) throw new BerthError(verdict.kind, `container ${record.name} ${verdict.reason}`)
    const live = ctx.live.of(id)
    live.restartTimer?.abort()
    live.backoff = 0
    ctx.records.update(id, { restartCount: 0, stoppedByUser: false })
    await startLocked(ctx, id)
  })
}

/**
 * Starts a container whose lock is held. The intent is on disk before anything is touched; on failure all is undone
 * and the state says why.
 */
export async function startLocked(ctx: Context, id: string): Promise<void> {
  const before = ctx.records.find(id)
  const last = lastExit(before)
  const record = ctx.records.setState(id, {
    kind: 'starting',
    since: rfc3339Nano(ctx.clock.nowNano()),
    ...(last ? { last } : {}),
    ...(before.state.kind === 'restarting' ? { again: true } : {}),
  })
  const rollback = rollbackFor(ctx, `start ${record.name}`)
  let made: { run: Run; network: RunNetwork }
  try {
    made = await launch(ctx, record, rollback)
  } catch (error) {
    await rollback.run()
    await failed(ctx, id, error, last)
  }
  rollback.commit()
  const { run, network } = made!
  const running = ctx.records.update(id, {
    state: { kind: 'running', run },
    endpoints: network.endpoints,
    publishedPorts: network.publishedPorts,
    sandboxPath: network.sandboxPath,
  })
  publish(ctx, running, 'start')
  watchRun(ctx, running)
  ctx.networks.started(id)
  void refreshLinking(ctx, id)
}

async function launch(
  ctx: Context,
  record: ContainerRecord,
  rollback: Rollback,
): Promise<{ run: Run; network: RunNetwork }> {
  const { id } = record
  const [gathered, network, resolved] = await allDone([
    mountRoot(ctx, record, rollback).then(rootfs => gather(ctx, record, rootfs)),
    openNetwork(ctx, record, rollback),
    resolveMounts(ctx, record, rollback),
    mountShm(ctx, record, rollback),
  ])
  const { mounts, release } = await pinSources(ctx, record, resolved, gathered.user, rollback)
  const spec = specify(ctx, record, gathered, network, mounts)
  rollback.add('delete from runtime', () => ctx.runtime.delete(id))
  const { pid, pidStartTime } = await ctx.runtime.create({
    id,
    spec,
    tty: record.config.Tty,
    stdin: record.config.OpenStdin,
    stdinOnce: record.config.StdinOnce,
    log: record.logPath ? { path: record.logPath } : {},
  })
  // The container has mounts of its own by now.
  inBackground(ctx, `give mount sources of ${record.name} back`, release)
  const live = ctx.live.of(id)
  live.runEnded = Promise.withResolvers()
  // The process waits before its exec: whoever attached is connected now and misses nothing.
  for (const pending of live.pending) {
    pending.bind(await ctx.runtime.attach({ containerId: id }, { stdin: pending.wantsStdin }))
  }
  live.pending.clear()
  const startedAt = rfc3339Nano(ctx.clock.nowNano())
  await ctx.runtime.start(id)
  return { run: { pid, pidStartTime, startedAt }, network }
}

async function mountRoot(ctx: Context, record: ContainerRecord, rollback: Rollback): Promise<string> {
  rollback.add('unmount rootfs', () => ctx.images.unmountRootfs(record.snapshotKey))
  return ctx.images.mountRootfs(record.snapshotKey)
}

async function mountShm(ctx: Context, record: ContainerRecord, rollback: Rollback): Promise<void> {
  const { hostConfig, id } = record
  if (parseIpcMode(hostConfig.IpcMode ?? '').kind !== 'shareable') return
  const path = shmPath(ctx, id)
  await ctx.files.makeDirectory(path, { mode: 0o1777 })
  rollback.add('unmount shm', () => ctx.mounts.unmount(path))
  await ctx.mounts.tmpfs(path, ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${hostConfig.ShmSize}`])
}

/** The start failed and is undone: says so in the state, then throws what the client is to read. */
async function failed(ctx: Context, id: string, cause: unknown, last: Exit | undefined): Promise<never> {
  const record = ctx.records.find(id)
  const { error, exitCode } = startFailure(cause)
  const message = messageOf(error)
  const exit: Exit = { code: exitCode, finishedAt: rfc3339Nano(ctx.clock.nowNano()), oomKilled: false, error: message }
  ctx.records.update(id, {
    state: last
      ? { kind: 'exited', last: exit, startedAt: exit.finishedAt }
      : { kind: 'created', error: message, exitCode },
    endpoints: detached(record.endpoints),
    publishedPorts: [],
    sandboxPath: '',
  })
  const live = ctx.live.of(id)
  for (const pending of live.pending) pending.abandon()
  live.pending.clear()
  live.runEnded?.resolve()
  live.exits.emit(exit)
  if (record.hostConfig.AutoRemove) await purge(ctx, id, exit, { volumes: true })
  throw error
}

function lastExit({ state }: ContainerRecord): Exit | undefined {
  return state.kind === 'exited' || state.kind === 'restarting' ? state.last : undefined
}
