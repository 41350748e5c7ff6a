import { PassThrough } from 'node:stream'
import { conflict, notFound } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { ExecRecord } from '#model/exec.ts'
import type { Attachment, ExitReport } from '#ports/runtime.ts'
import { publish, type Context } from '../context.ts'
import { execFailure } from '../run/start-error.ts'
import { demandRunning } from './create.ts'
import { execProcess } from './process.ts'

/** Milliseconds that an ended exec can still be inspected. */
const KEPT = 5 * 60_000
/** Milliseconds between the end of its output and its exit code. */
const EXIT_DEADLINE = 5_000

export interface ExecStartOptions {
  detach: boolean
  tty?: boolean
  consoleSize?: [number, number] | null
}

/** @throws not-found `No such exec instance: x` */
export function execGet(ctx: Context, execId: string): ExecRecord {
  const exec = ctx.execs.get(execId)
  if (!exec) throw notFound(`No such exec instance: ${execId}`)
  return exec
}

/**
 * `POST /exec/{id}/start`. One that cannot run because of its command answers as Docker does: the error is its output
 * and its exit code 126 or 127. Detached, the error is thrown.
 */
export async function execStart(
  ctx: Context,
  execId: string,
  options: ExecStartOptions,
): Promise<Attachment | undefined> {
  const exec = execGet(ctx, execId)
  const record = ctx.records.find(exec.containerId)
  demandRunning(record)
  if (exec.running) throw conflict(`exec ${execId} is already running`)
  if (exec.exitCode !== null) throw conflict(`exec ${execId} has already run`)
  exec.running = true
  if (options.consoleSize) exec.consoleSize = options.consoleSize
  const attach = !options.detach
  const ended = Promise.withResolvers<void>()
  ctx.execWaiters.set(execId, report => {
    over(ctx, record, exec, report.exitCode)
    ended.resolve()
  })
  publish(ctx, record, `exec_start: ${exec.command.join(' ')}`, { execID: execId })
  try {
    const process = await execProcess(ctx, record, exec)
    const started = await ctx.runtime.exec({
      containerId: record.id,
      execId,
      process,
      stdin: attach && exec.openStdin,
      attach,
    })
    exec.pid = started.pid
    if (!started.attachment) return undefined
    return untilExit(ctx, started.attachment, ended.promise)
  } catch (cause) {
    ctx.execWaiters.delete(execId)
    const { error, exitCode } = execFailure(cause)
    over(ctx, record, exec, exitCode)
    if (options.detach || !cause || !isRuntimeFailure(cause)) throw error
    return saying(`${error.message}\r\n`)
  }
}

/** An exit that the runtime reports for an exec. */
export function onExecExit(ctx: Context, report: ExitReport): void {
  const execId = report.execId ?? ''
  const waiter = ctx.execWaiters.get(execId)
  ctx.execWaiters.delete(execId)
  waiter?.(report)
}

function over(ctx: Context, record: ContainerRecord, exec: ExecRecord, exitCode: number): void {
  exec.running = false
  exec.exitCode = exitCode
  exec.pid = 0
  publish(ctx, record, 'exec_die', { execID: exec.id, exitCode: String(exitCode) })
  void ctx.clock.sleep(KEPT).then(() => ctx.execs.delete(exec.id))
}

/** Clients ask for the exit code when the output has ended: it ends only when the code is known. */
function untilExit(ctx: Context, attachment: Attachment, ended: Promise<void>): Attachment {
  const output = (async function* () {
    yield* attachment.output
    const timer = new AbortController()
    await Promise.race([ended, ctx.clock.sleep(EXIT_DEADLINE, timer.signal).catch(() => {})])
    timer.abort()
  })()
  return { output, stdin: attachment.stdin, close: () => attachment.close() }
}

function isRuntimeFailure(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'details' in error && hasReason(error.details)
}

function hasReason(details: unknown): boolean {
  return typeof details === 'object' && details !== null && 'reason' in details
}

function saying(text: string): Attachment {
  const output = (async function* () {
    yield { stream: 'stdout' as const, data: Buffer.from(text) }
  })()
  const stdin = new PassThrough()
  stdin.resume()
  return { output, stdin, close: () => stdin.destroy() }
}
