import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, startTime } from '#kernel/processes/proc.ts'
import type { RuntimeContext } from './context.ts'

/** What `create` notes in the bundle beside the OCI spec, for later verbs and later daemons. */
export interface BundleNote {
  cgroupsPath: string
  tty: boolean
  stdin: boolean
  stdinOnce: boolean
  command: string
}

export interface InitProcess {
  pid: number
  startTime: string
}

export const NOTE_FILE = 'berth.json'
export const PID_FILE = 'pidfile'
export const MONITOR_PID_FILE = 'conmon.pid'

export function readNote(ctx: RuntimeContext, id: string): BundleNote | undefined {
  return readJson(join(ctx.paths.bundle(id), NOTE_FILE)) as BundleNote | undefined
}

/** The container's first process as the OCI runtime recorded it; it may be dead by now. */
export function readInit(ctx: RuntimeContext, id: string): InitProcess | undefined {
  const directory = ctx.paths.runtimeState(id)
  const state = readJson(join(directory, ctx.oci.name === 'crun' ? 'status' : 'state.json'))
  if (!state) return undefined
  const record = state as Record<string, unknown>
  const pid = Number(record.pid ?? record.init_process_pid)
  const started = record['process-start-time'] ?? record.init_process_start
  return pid > 0 ? { pid, startTime: String(started) } : undefined
}

/** Undefined when it has ended. */
export function liveInit(ctx: RuntimeContext, id: string): InitProcess | undefined {
  const init = readInit(ctx, id)
  return init && isAlive(init.pid, init.startTime) ? init : undefined
}

/** An OCI runtime keeps this fifo until the container is started. */
export function startFifo(ctx: RuntimeContext, id: string): string {
  return join(ctx.paths.runtimeState(id), 'exec.fifo')
}

export function isWaitingToStart(ctx: RuntimeContext, id: string): boolean {
  return existsSync(startFifo(ctx, id))
}

/** The monitor's pid, if it lives. */
export function liveMonitor(directory: string): number | undefined {
  const pid = readPid(join(directory, MONITOR_PID_FILE))
  if (pid === undefined) return undefined
  try {
    // A pid file outlives its process: make sure that the pid was not given to another program.
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return args.includes(directory) ? pid : undefined
  } catch {
    return undefined
  }
}

export function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8').trim())
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

export function processOf(pid: number): InitProcess | undefined {
  const started = startTime(pid)
  return started === undefined ? undefined : { pid, startTime: started }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
