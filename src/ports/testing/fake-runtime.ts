import { Broadcast } from '#lib/emitter.ts'
import { conflict, notFound } from '#lib/errors.ts'
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
} from '../runtime.ts'
import { FakeAttachment } from './fake-attachment.ts'

const SIGKILL = 9

interface FakeProcess {
  ref: ProcessRef
  pid: number
  kind: 'created' | 'running' | 'exited'
  exit?: ExitReport
  attachments: Set<FakeAttachment>
  stdin: Buffer[]
  stdinEnded: boolean
  /** Signals that this process takes without ending. */
  ignored: Set<number>
  size?: { height: number; width: number }
}

export interface FakeContainer extends FakeProcess {
  options: CreateOptions
  paused: boolean
  resources: OciResources[]
  logReopened: number
  execs: Map<string, FakeProcess & { options: ExecOptions }>
}

type Verb = 'create' | 'start' | 'signal' | 'exec' | 'attach' | 'pause' | 'resume' | 'update' | 'delete'

/** Runs nothing: processes live in memory, and the test says what they print and when they end. */
export class FakeRuntime implements Runtime {
  readonly containers = new Map<string, FakeContainer>()
  /** Each call, as `verb id`. */
  readonly calls: string[] = []
  readonly #exits = new Broadcast<ExitReport>()
  readonly #unreported: ExitReport[] = []
  readonly #failures = new Map<Verb, unknown[]>()
  readonly #now: () => number
  #pids = 1000

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  // --- what tests do

  /** The next call of `verb` throws `error`. */
  failNext(verb: Verb, error: unknown): void {
    this.#failures.set(verb, [...(this.#failures.get(verb) ?? []), error])
  }

  /** The process ends by itself; listeners hear of it before this returns. */
  end(ref: ProcessRef, exitCode: number, oomKilled = false): void {
    this.#end(this.#process(ref), exitCode, oomKilled)
  }

  /** The process writes: attached clients get it. */
  print(ref: ProcessRef, stream: 'stdout' | 'stderr', data: string | Buffer): void {
    for (const attachment of this.#process(ref).attachments) attachment.push(stream, Buffer.from(data))
  }

  /** What attached clients have written to the process's stdin. */
  stdin(ref: ProcessRef): { data: Buffer; ended: boolean } {
    const process = this.#process(ref)
    return { data: Buffer.concat(process.stdin), ended: process.stdinEnded }
  }

  /** The process takes `signals` without ending. SIGKILL cannot be ignored. */
  ignore(ref: ProcessRef, ...signals: number[]): void {
    for (const signal of signals) this.#process(ref).ignored.add(signal)
  }

  // --- the port

  info(): RuntimeInfo {
    return { name: 'fake', path: '/nowhere/fake', version: '1.0.0', cgroupVersion: '2', cgroupDriver: 'cgroupfs' }
  }

  async create(options: CreateOptions): Promise<{ pid: number; pidStartTime: string }> {
    this.#enter('create', options.id)
    if (this.containers.has(options.id))
      throw conflict(`container ${options.id} exists in the runtime: delete it first`)
    const process = { ...this.#newProcess({ containerId: options.id }), kind: 'created' as const }
    this.containers.set(options.id, {
      ...process,
      options,
      paused: false,
      resources: [],
      logReopened: 0,
      execs: new Map(),
    })
    return { pid: process.pid, pidStartTime: String(process.pid) }
  }

  async start(id: string): Promise<void> {
    this.#enter('start', id)
    const container = this.#container(id)
    if (container.kind !== 'created') throw conflict(`container ${id} has been started already`)
    container.kind = 'running'
  }

  async signal(ref: ProcessRef, signal: number): Promise<void> {
    this.#enter('signal', ref.execId ?? ref.containerId)
    const process = this.#process(ref)
    if (process.kind === 'exited') throw notFound(`the process of ${ref.execId ?? ref.containerId} has ended`)
    if (signal === 0 || (signal !== SIGKILL && process.ignored.has(signal))) return
    this.#end(process, 128 + signal, false)
  }

  async exec(options: ExecOptions): Promise<{ pid: number; attachment?: Attachment }> {
    this.#enter('exec', options.execId)
    const container = this.#container(options.containerId)
    if (container.kind !== 'running') throw conflict(`container ${options.containerId} is not running`)
    const process = this.#newProcess({ containerId: options.containerId, execId: options.execId })
    const exec = { ...process, options }
    container.execs.set(options.execId, exec)
    return { pid: process.pid, attachment: options.attach ? this.#attach(exec) : undefined }
  }

  async attach(ref: ProcessRef): Promise<Attachment> {
    this.#enter('attach', ref.execId ?? ref.containerId)
    const process = this.#process(ref)
    if (process.kind === 'exited') throw notFound(`the process of ${ref.execId ?? ref.containerId} has ended`)
    return this.#attach(process)
  }

  async resize(ref: ProcessRef, height: number, width: number): Promise<void> {
    this.#process(ref).size = { height, width }
  }

  async pause(id: string): Promise<void> {
    this.#enter('pause', id)
    this.#container(id).paused = true
  }

  async resume(id: string): Promise<void> {
    this.#enter('resume', id)
    this.#container(id).paused = false
  }

  async update(id: string, resources: OciResources): Promise<void> {
    this.#enter('update', id)
    this.#container(id).resources.push(resources)
  }

  async reopenLog(id: string): Promise<void> {
    this.#container(id).logReopened++
  }

  async delete(id: string): Promise<void> {
    this.#enter('delete', id)
    const container = this.containers.get(id)
    if (!container) return
    if (container.kind !== 'exited') this.#end(container, 137, false)
    this.containers.delete(id)
  }

  async inspect(id: string): Promise<RuntimeStatus> {
    const container = this.containers.get(id)
    if (!container) return { kind: 'absent' }
    if (container.exit) return { kind: 'exited', exit: container.exit }
    const kind = container.kind === 'created' ? 'created' : 'running'
    return { kind, pid: container.pid, pidStartTime: String(container.pid) }
  }

  async list(): Promise<string[]> {
    return [...this.containers.keys()]
  }

  watchExits(listener: (report: ExitReport) => void): () => void {
    const stop = this.#exits.subscribe(listener)
    for (const report of this.#unreported.splice(0)) listener(report)
    return stop
  }

  cgroupPaths(id: string): Record<string, string> {
    return { '': `/sys/fs/cgroup/berth/${id}` }
  }

  // --- inside

  #enter(verb: Verb, id: string): void {
    this.calls.push(`${verb} ${id}`)
    const error = this.#failures.get(verb)?.shift()
    if (error !== undefined) throw error
  }

  #attach(process: FakeProcess): FakeAttachment {
    const attachment = new FakeAttachment({
      onData: data => process.stdin.push(data),
      onEnd: () => (process.stdinEnded = true),
      onClose: () => process.attachments.delete(attachment),
    })
    process.attachments.add(attachment)
    return attachment
  }

  #newProcess(ref: ProcessRef): FakeProcess {
    return {
      ref,
      pid: ++this.#pids,
      kind: 'running',
      attachments: new Set(),
      stdin: [],
      stdinEnded: false,
      ignored: new Set(),
    }
  }

  #container(id: string): FakeContainer {
    const container = this.containers.get(id)
    if (!container) throw notFound(`the runtime knows no container ${id}`)
    return container
  }

  #process(ref: ProcessRef): FakeProcess {
    const container = this.#container(ref.containerId)
    const process = ref.execId === undefined ? container : container.execs.get(ref.execId)
    if (!process) throw notFound(`the runtime knows no exec ${ref.execId} in container ${ref.containerId}`)
    return process
  }

  #end(process: FakeProcess, exitCode: number, oomKilled: boolean): void {
    if (process.kind === 'exited') return
    process.kind = 'exited'
    process.exit = { ...process.ref, exitCode, finishedAt: this.#now(), oomKilled }
    for (const attachment of process.attachments) attachment.finish()
    // The container's own end takes its execs with it, as the pid namespace does.
    if (process.ref.execId === undefined) {
      for (const exec of this.#container(process.ref.containerId).execs.values()) this.#end(exec, 137, false)
    }
    if (this.#exits.size > 0) this.#exits.emit(process.exit)
    else this.#unreported.push(process.exit)
  }
}
