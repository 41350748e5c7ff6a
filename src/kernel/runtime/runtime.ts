import { existsSync, mkdirSync, openSync, closeSync, constants, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { notFound, type BerthError } from '#lib/errors.ts'
import type { OciResources } from '#model/oci.ts'
import type {
  Attachment,
  CreateOptions,
  ExecOptions,
  ExitReport,
  ProcessRef,
  Runtime,
  RuntimeInfo,
  RuntimeStatus,
} from '#ports/runtime.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { setFrozen } from '#kernel/cgroups/freezer.ts'
import { pathsBelow } from '#kernel/cgroups/layout.ts'
import { oomKills } from '#kernel/cgroups/stats.ts'
import { Attachments } from './attachments.ts'
import type { RuntimeContext } from './context.ts'
import { createContainer } from './create.ts'
import { deleteContainer } from './delete.ts'
import { startExec } from './exec.ts'
import { ExitWatcher } from './exits.ts'
import { SeccompCache } from './seccomp-cache.ts'
import { signalProcess } from './signal.ts'
import { startContainer } from './start.ts'
import { isWaitingToStart, liveInit, liveMonitor, processOf, readInit, readNote, type InitProcess } from './state.ts'
import { updateContainer } from './update.ts'

/** conmon refuses larger ones. */
const MAX_TERMINAL = 1000

/** Containers through crun or runc under conmon. Made by `openRuntime`. */
export class OciRuntime implements Runtime {
  readonly #ctx: RuntimeContext
  readonly #exits: ExitWatcher
  readonly #attachments = new Attachments()
  readonly #execs = new Map<string, InitProcess>()

  constructor(ctx: RuntimeContext) {
    this.#ctx = ctx.oci.name === 'crun' ? { ...ctx, seccomp: new SeccompCache() } : ctx
    for (const directory of [ctx.paths.bundles, ctx.paths.exits, ctx.paths.runtimeRoot]) {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
    }
    this.#exits = new ExitWatcher(ctx.paths.exits, id => this.#oomKilled(id))
  }

  info(): RuntimeInfo {
    const { name, path, version } = this.#ctx.oci
    const cgroupVersion = this.#ctx.layout.mode === 'v2' ? '2' : '1'
    return { name, path, version, cgroupVersion, cgroupDriver: 'cgroupfs' }
  }

  async create(options: CreateOptions): Promise<{ pid: number; pidStartTime: string }> {
    const { pid, startTime } = await createContainer(this.#ctx, options)
    return { pid, pidStartTime: startTime }
  }

  async start(id: string): Promise<void> {
    await startContainer(this.#ctx, id)
  }

  async signal(ref: ProcessRef, signal: number): Promise<void> {
    const target = this.#processOf(ref)
    if (!target) throw ended(ref)
    signalProcess(target, signal, nameOf(ref))
  }

  async exec(options: ExecOptions): Promise<{ pid: number; attachment?: Attachment }> {
    const { containerId, execId } = options
    const started = await startExec(this.#ctx, this.#attachments, options)
    const process = processOf(started.pid)
    if (process) this.#execs.set(execId, process)
    void started.ended.then(exitCode => {
      this.#execs.delete(execId)
      this.#exits.report({ containerId, execId, exitCode, finishedAt: Date.now(), oomKilled: false })
    })
    return { pid: started.pid, attachment: started.attachment }
  }

  async attach(ref: ProcessRef, options: { stdin?: boolean } = {}): Promise<Attachment> {
    // A monitor still takes clients for a moment after it has written the exit code.
    if (ref.execId === undefined && this.#exits.read(ref.containerId)) throw ended(ref)
    const note = ref.execId === undefined ? readNote(this.#ctx, ref.containerId) : undefined
    const listensOnly = options.stdin === false && note?.stdinOnce === true && !note.tty
    return await this.#attachments.open(ref.containerId, this.#ctx.paths.process(ref), listensOnly)
  }

  async resize(ref: ProcessRef, height: number, width: number): Promise<void> {
    const clamp = (n: number) => Math.max(0, Math.min(MAX_TERMINAL, Math.trunc(n)))
    this.#control(ref, `1 ${clamp(height)} ${clamp(width)}\n`)
  }

  async pause(id: string): Promise<void> {
    await setFrozen(this.cgroupPaths(id), true)
  }

  async resume(id: string): Promise<void> {
    await setFrozen(this.cgroupPaths(id), false)
  }

  async update(id: string, resources: OciResources): Promise<void> {
    if (!liveInit(this.#ctx, id)) throw notFound(`container ${id} has no process`)
    await updateContainer(this.#ctx, id, resources)
  }

  async reopenLog(id: string): Promise<void> {
    this.#control({ containerId: id }, '2 0 0\n')
  }

  async delete(id: string): Promise<void> {
    // Clients are not dropped after it: they still read what the monitor left them, then the end of its connection.
    await deleteContainer(this.#ctx, this.#exits, id, () => this.#attachments.drop(id))
  }

  async inspect(id: string): Promise<RuntimeStatus> {
    if (!existsSync(this.#ctx.paths.bundle(id))) return { kind: 'absent' }
    const exit = this.#exits.read(id)
    if (exit) return { kind: 'exited', exit }
    const init = liveInit(this.#ctx, id)
    if (init) {
      const kind = isWaitingToStart(this.#ctx, id) ? 'created' : 'running'
      return { kind, pid: init.pid, pidStartTime: init.startTime }
    }
    // A crash between making the bundle and the first process, or nothing but a bundle: never ran.
    if (!readInit(this.#ctx, id)) return { kind: 'absent' }
    const report = { containerId: id, exitCode: 255, finishedAt: Date.now(), oomKilled: false }
    return { kind: 'exited', exit: await this.#lateExit(id, report) }
  }

  async list(): Promise<string[]> {
    return readdirSync(this.#ctx.paths.bundles)
  }

  watchExits(listener: (report: ExitReport) => void): () => void {
    return this.#exits.subscribe(listener)
  }

  cgroupPaths(id: string): Record<string, string> {
    const note = readNote(this.#ctx, id)
    return note ? pathsBelow(this.#ctx.layout, note.cgroupsPath) : {}
  }

  /** The process is dead and its monitor, if it lives, is about to say how. */
  async #lateExit(id: string, unknown: ExitReport): Promise<ExitReport> {
    for (let waited = 0; waited < 1000 && liveMonitor(this.#ctx.paths.bundle(id)) !== undefined; waited += 5) {
      const exit = this.#exits.read(id)
      if (exit) return exit
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    return this.#exits.read(id) ?? unknown
  }

  #processOf(ref: ProcessRef): InitProcess | undefined {
    return ref.execId === undefined ? readInit(this.#ctx, ref.containerId) : this.#execs.get(ref.execId)
  }

  #oomKilled(id: string): boolean {
    return existsSync(join(this.#ctx.paths.bundle(id), 'oom')) || oomKills(this.cgroupPaths(id)) > 0
  }

  /** A line for the monitor: `1 HEIGHT WIDTH` resizes, `2 0 0` reopens the log. */
  #control(ref: ProcessRef, line: string): void {
    let fd: number | undefined
    try {
      fd = openSync(join(this.#ctx.paths.process(ref), 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK)
      writeSync(fd, line)
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'ENXIO')) throw error
      throw ended(ref)
    } finally {
      if (fd !== undefined) closeSync(fd)
    }
  }
}

function nameOf(ref: ProcessRef): string {
  return ref.execId === undefined ? `container ${ref.containerId}` : `exec ${ref.execId}`
}

function ended(ref: ProcessRef): BerthError {
  return notFound(`the process of ${nameOf(ref)} has ended`)
}
