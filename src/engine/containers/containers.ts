import { notFound } from '#lib/errors.ts'
import type { ContainerChange, EndpointRequest } from '#model/config.ts'
import type { Filters } from '#model/filters.ts'
import { canStop } from '#model/container-state.ts'
import type { Readable } from 'node:stream'
import { archiveGet, archivePut, archiveStat, exportRoot } from './archive.ts'
import type { ExitReport } from '#ports/runtime.ts'
import { attach } from './attach.ts'
import { changes } from './changes.ts'
import { commit } from './commit.ts'
import { connect, disconnect } from './connect.ts'
import { makeContext, type ContainersOptions, type Context } from './context.ts'
import { create } from './create/create.ts'
import { execCreate } from './exec/create.ts'
import { execGet, execStart, onExecExit } from './exec/start.ts'
import { kill } from './kill.ts'
import { list, viewOf } from './list.ts'
import { logs } from './logs.ts'
import { pause, unpause } from './pause.ts'
import { planPrune, prune } from './prune.ts'
import { recover } from './recover.ts'
import { remove } from './remove.ts'
import { rename } from './rename.ts'
import { resize } from './resize.ts'
import { restart } from './restart.ts'
import { onExit } from './run/exited.ts'
import { start } from './run/start.ts'
import { unwatchRun } from './run/watch-run.ts'
import type { ContainersService, CreateContainer, ExecRequest, LogRequest, WaitCondition } from './service.ts'
import { stats } from './stats.ts'
import { stop, type StopOptions } from './stop.ts'
import { top } from './top.ts'
import { update } from './update.ts'
import { wait } from './wait.ts'

/** Milliseconds. */
const EXIT_RETRY = 1000

/** The containers of the engine: one verb, one file; this class only hands each the context. */
export class Containers implements ContainersService {
  readonly #ctx: Context
  #stopWatching: (() => void) | undefined

  constructor(options: ContainersOptions) {
    this.#ctx = makeContext(options)
  }

  /** Call once, before the API listens: reconciles the records with what runs, then watches for exits. */
  async recover(): Promise<void> {
    const ctx = this.#ctx
    // Exits are heard of only afterwards, those that happened meanwhile too: nothing restarts in a half-mended network.
    await recover(ctx)
    this.#stopWatching ??= ctx.runtime.watchExits(report => {
      if (report.execId !== undefined) return onExecExit(ctx, report)
      void this.#exited(report)
    })
  }

  /** An exit that cannot be recorded, as on a full disk, is not forgotten: else the container would seem to run. */
  async #exited(report: ExitReport): Promise<void> {
    const ctx = this.#ctx
    for (let attempt = 0; ; attempt++) {
      try {
        return await onExit(ctx, report)
      } catch (error) {
        if (attempt === 0) ctx.log.error('handling an exit failed', { container: report.containerId, error })
      }
      await ctx.clock.sleep(EXIT_RETRY)
    }
  }

  /** Containers run on; only what this process does for them ends. */
  async shutdown(): Promise<void> {
    this.#stopWatching?.()
    this.#stopWatching = undefined
    for (const [id, live] of this.#ctx.live.all()) {
      unwatchRun(this.#ctx, id)
      live.restartTimer?.abort()
    }
    while (this.#ctx.background.size > 0) await Promise.all(this.#ctx.background)
  }

  /** Ids of the containers that refer to a volume: for `VolumesService.setUsers`. */
  usersOfVolume(volume: string): string[] {
    return this.#ctx.records.volumeUsers(volume)
  }

  /** For messages; what is no container keeps the name that it has. */
  nameOf(user: string): string {
    return this.#ctx.records.get(user)?.name ?? user
  }

  /** Snapshot keys in use: for `ImagesService.sweep`. */
  snapshotKeys(): Set<string> {
    return new Set(this.#ctx.records.all().map(record => record.snapshotKey))
  }

  /** Containers made from an image, whatever their state. */
  usersOfImage(imageId: string): { id: string; running: boolean }[] {
    return this.#ctx.records
      .all()
      .filter(record => record.imageId === imageId)
      .map(record => ({ id: record.id, running: canStop(record.state).ok }))
  }

  create(request: CreateContainer) {
    return create(this.#ctx, request)
  }
  get(reference: string) {
    return this.#ctx.records.find(reference)
  }
  view(reference: string, options: { size: boolean }) {
    return viewOf(this.#ctx, this.#ctx.records.find(reference), options.size)
  }
  list(filters: Filters, options: { all: boolean; limit: number; size: boolean }) {
    return list(this.#ctx, filters, options)
  }
  start(reference: string) {
    return start(this.#ctx, reference)
  }
  stop(reference: string, options: StopOptions) {
    return stop(this.#ctx, reference, options)
  }
  kill(reference: string, signal: string) {
    return kill(this.#ctx, reference, signal)
  }
  restart(reference: string, options: StopOptions) {
    return restart(this.#ctx, reference, options)
  }
  async pause(reference: string) {
    await pause(this.#ctx, reference)
  }
  async unpause(reference: string) {
    await unpause(this.#ctx, reference)
  }
  async rename(reference: string, name: string) {
    await rename(this.#ctx, reference, name)
  }
  async update(reference: string, change: ContainerChange) {
    return update(this.#ctx, reference, change)
  }
  remove(reference: string, options: { force: boolean; volumes: boolean; link: boolean }) {
    return remove(this.#ctx, reference, options)
  }
  planPrune(filters: Filters) {
    return planPrune(this.#ctx, filters)
  }
  prune(filters: Filters) {
    return prune(this.#ctx, filters)
  }
  wait(reference: string, condition: WaitCondition, signal: AbortSignal) {
    return wait(this.#ctx, reference, condition, signal)
  }
  attach(reference: string, options: { signal: AbortSignal; stdin?: boolean }) {
    return attach(this.#ctx, reference, options)
  }
  logs(reference: string, request: LogRequest) {
    return logs(this.#ctx, reference, request)
  }
  resize(reference: string, height: number, width: number) {
    return resize(this.#ctx, reference, height, width)
  }
  execCreate(reference: string, request: ExecRequest) {
    return execCreate(this.#ctx, reference, request)
  }
  execGet(execId: string) {
    return execGet(this.#ctx, execId)
  }
  execSignal(execId: string, signal: number) {
    return this.#ctx.runtime.signal({ containerId: execGet(this.#ctx, execId).containerId, execId }, signal)
  }
  execStart(execId: string, options: { detach: boolean; tty?: boolean; consoleSize?: [number, number] | null }) {
    return execStart(this.#ctx, execId, options)
  }
  async execResize(execId: string, height: number, width: number) {
    const exec = execGet(this.#ctx, execId)
    if (!exec.running) throw notFound(`exec ${execId} is not running`)
    await this.#ctx.runtime.resize({ containerId: exec.containerId, execId }, height, width)
  }
  execIds(containerId: string) {
    return Array.from(this.#ctx.execs.values())
      .filter(exec => exec.containerId === containerId && exec.running)
      .map(exec => exec.id)
  }
  top(reference: string, psArgs: string) {
    return top(this.#ctx, reference, psArgs)
  }
  stats(reference: string, options: { stream: boolean; oneShot: boolean; signal: AbortSignal }) {
    return stats(this.#ctx, reference, options)
  }
  changes(reference: string) {
    return changes(this.#ctx, reference)
  }
  export(reference: string) {
    return exportRoot(this.#ctx, reference)
  }
  commit(reference: string, options: Parameters<ContainersService['commit']>[1]) {
    return commit(this.#ctx, reference, options)
  }
  archiveStat(reference: string, path: string) {
    return archiveStat(this.#ctx, reference, path)
  }
  archiveGet(reference: string, path: string) {
    return archiveGet(this.#ctx, reference, path)
  }
  archivePut(
    reference: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  ) {
    return archivePut(this.#ctx, reference, path, tar, options)
  }
  async connect(networkReference: string, reference: string, request: EndpointRequest) {
    await connect(this.#ctx, networkReference, reference, request)
  }
  async disconnect(networkReference: string, reference: string, force: boolean) {
    await disconnect(this.#ctx, networkReference, reference, force)
  }
}
