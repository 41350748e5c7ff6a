import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { conflict } from '#lib/errors.ts'
import type { Attachment, ExecOptions } from '#ports/runtime.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import type { Attachments } from './attachments.ts'
import type { RuntimeContext } from './context.ts'
import { commonArguments, withPatience } from './create.ts'
import { runtimeFailure } from './failure.ts'
import { startMonitor, type MonitorProcess } from './monitor.ts'
import { isWaitingToStart, liveInit } from './state.ts'
import type { SyncMessage } from './sync-pipe.ts'

export interface ExecStarted {
  pid: number
  attachment?: Attachment
  /** The exit code, once it has ended and its directory is gone. */
  ended: Promise<number>
}

/** Runs a process in a container under a monitor of its own, which has no log. */
export async function startExec(
  ctx: RuntimeContext,
  attachments: Attachments,
  options: ExecOptions,
): Promise<ExecStarted> {
  const { containerId, execId } = options
  const directory = ctx.paths.process({ containerId, execId })
  if (!liveInit(ctx, containerId) || isWaitingToStart(ctx, containerId)) {
    throw conflict(`container ${containerId} is not running`)
  }
  makeDirectory(ctx, options, directory)
  let monitor: MonitorProcess | undefined
  let attachment: Attachment | undefined
  try {
    writeFileSync(join(directory, 'process.json'), JSON.stringify(options.process))
    const args = execArguments(ctx, options, directory)
    const attach = options.attach ?? false
    monitor = ctx.within(() => startMonitor({ file: ctx.monitor, args, directory, attach }))
    if (attach) {
      monitor.go()
      const ready = await withPatience(monitor.next(), `exec ${execId}`)
      if (!ready) throw failure(options, undefined, monitor)
      attachment = await attachments.open(containerId, directory, false)
      monitor.go()
    }
    const message = await withPatience(monitor.next(), `exec ${execId}`)
    if (!message || message.data <= 0) throw failure(options, message, monitor)
    return { pid: message.data, attachment, ended: ending(monitor, directory) }
  } catch (error) {
    attachment?.close()
    monitor?.close()
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
}

/** The second message of an exec's monitor is the exit code. */
async function ending(monitor: MonitorProcess, directory: string): Promise<number> {
  const message = await monitor.next()
  monitor.close()
  try {
    rmSync(directory, { recursive: true, force: true })
  } catch {
    // It goes with the container's own directory.
  }
  return message && message.data >= 0 ? message.data : 137
}

function makeDirectory(ctx: RuntimeContext, options: ExecOptions, directory: string): void {
  try {
    mkdirSync(ctx.paths.execs(options.containerId), { mode: 0o700 })
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) throw conflict(`container ${options.containerId} is not running`)
    if (!hasErrno(error, 'EEXIST')) throw error
  }
  mkdirSync(directory, { mode: 0o700 })
}

function failure(options: ExecOptions, message: SyncMessage | undefined, monitor: MonitorProcess) {
  const text = message?.message ?? monitor.stderr()
  return runtimeFailure('exec', text || 'the monitor ended without a word', options.process.args[0] ?? '')
}

function execArguments(ctx: RuntimeContext, options: ExecOptions, directory: string): string[] {
  const args = [...commonArguments(ctx, options.containerId, directory), '-b', directory, '-l', 'none']
  args.push('--exec', '--exec-process-spec', join(directory, 'process.json'))
  if (options.attach) args.push('--exec-attach')
  if (options.process.terminal) args.push('-t', '--leave-stdin-open')
  if (options.stdin) args.push('-i')
  return args
}
