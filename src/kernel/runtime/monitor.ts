import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { system } from '#lib/errors.ts'
import { fcntl } from '#kernel/ffi/libc.ts'
import { pipe, reap, spawnProcess } from '#kernel/ffi/spawn.ts'
import { SyncPipe, type SyncMessage } from './sync-pipe.ts'

export interface MonitorProcess {
  /** The next message; undefined when the monitor has closed the pipe. */
  next(): Promise<SyncMessage | undefined>
  /** Lets the monitor take its next step (exec with attach has two). */
  go(): void
  /** What the monitor or the runtime wrote to stderr before the monitor let go of it. */
  stderr(): string
  close(): void
}

export interface MonitorCommand {
  /** Absolute path of conmon. */
  file: string
  args: string[]
  /** Also its working directory: it drops files there. */
  directory: string
  /** With a start pipe (fd 4) and an attach pipe (fd 5), as `--exec-attach` wants. */
  attach: boolean
}

const F_SETFL = 4
const ENVIRONMENT = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'LC_ALL=C',
  'TZ=UTC',
  '_OCI_SYNCPIPE=3',
]

/**
 * Starts conmon, which forks itself into a session of its own and outlives us. Must run on the main thread inside the
 * mount namespace that the OCI runtime is to work in.
 */
export function startMonitor(command: MonitorCommand): MonitorProcess {
  const [syncRead, syncWrite] = pipe()
  const [stderrRead, stderrWrite] = pipe()
  fcntl(stderrRead, F_SETFL, constants.O_NONBLOCK)
  const nothing = openSync('/dev/null', 'r+')
  const fds: Record<number, number> = { 0: nothing, 1: nothing, 2: stderrWrite, 3: syncWrite }
  const childEnds = [syncWrite, stderrWrite, nothing]
  const env = [...ENVIRONMENT]
  let startWrite: number | undefined
  let attachRead: number | undefined
  if (command.attach) {
    const start = pipe()
    const attach = pipe()
    fds[4] = start[0]
    fds[5] = attach[1]
    startWrite = start[1]
    attachRead = attach[0]
    childEnds.push(start[0], attach[1])
    env.push('_OCI_STARTPIPE=4', '_OCI_ATTACHPIPE=5')
  }
  let pid: number
  try {
    pid = spawnProcess({ file: command.file, args: command.args, env, cwd: command.directory, fds })
  } catch (error) {
    for (const fd of [syncRead, stderrRead, startWrite, attachRead]) if (fd !== undefined) closeSync(fd)
    throw system(`cannot start the container monitor ${command.file}`, { cause: error })
  } finally {
    for (const fd of childEnds) closeSync(fd)
  }
  return new Monitor(pid, syncRead, stderrRead, startWrite, attachRead)
}

class Monitor implements MonitorProcess {
  readonly #pid: number
  readonly #sync: SyncPipe
  /** Says once that the attach socket is there. */
  readonly #attach: SyncPipe | undefined
  readonly #stderr: number
  #start: number | undefined
  #reaped = false
  #attachTold = false

  constructor(pid: number, sync: number, stderr: number, start: number | undefined, attach: number | undefined) {
    this.#pid = pid
    this.#sync = new SyncPipe(sync)
    this.#stderr = stderr
    this.#start = start
    this.#attach = attach === undefined ? undefined : new SyncPipe(attach)
  }

  async next(): Promise<SyncMessage | undefined> {
    // With an attach pipe the first message comes there, or, when the monitor fails before, never.
    if (this.#attach && !this.#attachTold) {
      this.#attachTold = true
      return await this.#attach.next()
    }
    const message = await this.#sync.next()
    this.#reap()
    return message
  }

  go(): void {
    if (this.#start === undefined) return
    writeSync(this.#start, '\n')
  }

  stderr(): string {
    const buffer = Buffer.allocUnsafe(8192)
    try {
      return buffer.toString('utf8', 0, readSync(this.#stderr, buffer)).trim()
    } catch {
      return '' // nothing there, and the monitor still has its end open
    }
  }

  close(): void {
    this.#sync.close()
    this.#attach?.close()
    closeSync(this.#stderr)
    if (this.#start !== undefined) closeSync(this.#start)
    this.#start = undefined
    this.#reap()
  }

  /** The first process ends as soon as it has forked the real monitor, that is before the first message. */
  #reap(): void {
    if (this.#reaped) return
    this.#reaped = reap(this.#pid) !== undefined
    if (!this.#reaped) setTimeout(() => this.#reap(), 5).unref()
  }
}
