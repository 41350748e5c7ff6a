import type { OciProcess, OciResources, OciSpec } from '#model/oci.ts'
import type { Duplex } from 'node:stream'

/** What runs under the monitor: the container's own process, or an exec in it. */
export interface ProcessRef {
  containerId: string
  /** Set for an exec. */
  execId?: string
}

export interface ExitReport extends ProcessRef {
  /** 0-255; 128 + N when killed by signal N. */
  exitCode: number
  /** Milliseconds since the epoch. */
  finishedAt: number
  oomKilled: boolean
}

export interface LogOptions {
  /** Absolute path of the k8s-file log; undefined writes no log. */
  path?: string
}

export interface CreateOptions {
  id: string
  spec: OciSpec
  tty: boolean
  /** Keep the process's stdin open (`-i`). */
  stdin: boolean
  /** stdin closes after the first attached client has gone (`StdinOnce`). */
  stdinOnce: boolean
  log: LogOptions
}

export interface ExecOptions {
  containerId: string
  execId: string
  process: OciProcess
  stdin: boolean
  /** Connects a client before the process starts, so that none of its output is missed. */
  attach?: boolean
}

/**
 * A live connection to a monitored process. `output` yields messages as they come; writing to `stdin` honours
 * back-pressure; `stdin.end()` closes the process's stdin. Destroying closes only this connection.
 */
export interface Attachment {
  /** Calls `onMessage` for each piece in order; returns when the process has closed its output or `close` was called. */
  readonly output: AsyncIterable<{ stream: 'stdout' | 'stderr'; data: Buffer }>
  readonly stdin: Duplex | NodeJS.WritableStream
  close(): void
}

export interface RuntimeInfo {
  /** `crun` or `runc`. */
  name: string
  path: string
  version: string
  cgroupVersion: '1' | '2'
  cgroupDriver: 'cgroupfs' | 'systemd'
}

/** Containers as processes: an OCI runtime under one monitor process each, which outlives the daemon. */
export interface Runtime {
  info(): RuntimeInfo

  /**
   * Starts the monitor and creates the container; its process waits before exec. The bundle lives in the exec-root.
   * @throws BerthError with the runtime's own words; `details.reason` is `command-not-found` (127),
   *   `not-executable` (126) or `other`.
   */
  create(options: CreateOptions): Promise<{ pid: number; pidStartTime: string }>

  /** Lets the created process exec. Errors as for create. */
  start(id: string): Promise<void>

  /** @throws not-found when the process has gone */
  signal(ref: ProcessRef, signal: number): Promise<void>

  /** Starts a process in the container; `attachment` is set when `attach` asks for it. Errors as for create. */
  exec(options: ExecOptions): Promise<{ pid: number; attachment?: Attachment }>

  /**
   * @param options `stdin: false` when the client only listens: its going away then leaves the process's stdin open,
   *   also in a container with `stdinOnce`
   * @throws not-found when the process has gone
   */
  attach(ref: ProcessRef, options?: { stdin?: boolean }): Promise<Attachment>
  /** Rows and columns of the terminal. */
  resize(ref: ProcessRef, height: number, width: number): Promise<void>

  pause(id: string): Promise<void>
  resume(id: string): Promise<void>
  update(id: string, resources: OciResources): Promise<void>

  /** Tells the monitor to reopen its log file, after the file was renamed. */
  reopenLog(id: string): Promise<void>

  /** Ends the process if need be and forgets container, cgroup, monitor and bundle. Already gone is success. */
  delete(id: string): Promise<void>

  /** What the exec-root and /proc say, for recovery after a restart. */
  inspect(id: string): Promise<RuntimeStatus>
  /** Ids that the exec-root knows. */
  list(): Promise<string[]>

  /** Calls `listener` for each exit, those that happened while the daemon was away included. Returns the stop. */
  watchExits(listener: (report: ExitReport) => void): () => void

  /** Absolute cgroup paths by controller (`''` for v2), as /proc/PID/cgroup of the container says. */
  cgroupPaths(id: string): Record<string, string>
}

export type RuntimeStatus =
  | { kind: 'absent' }
  | { kind: 'created' | 'running'; pid: number; pidStartTime: string }
  | { kind: 'exited'; exit: ExitReport }
