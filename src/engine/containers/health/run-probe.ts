import { rfc3339Nano } from '#lib/clock.ts'
import { messageOf } from '#lib/errors.ts'
import type { ContainerRecord, HealthProbe } from '#model/container.ts'
import type { Attachment } from '#ports/runtime.ts'
import type { Context } from '../context.ts'
import { execProcess } from '../exec/process.ts'
import { SIGKILL } from '../signals.ts'
import type { HealthPlan } from './probe-result.ts'

const MAX_OUTPUT = 4096
/** What Docker records for a probe that took too long, and for one that could not run. */
const TIMED_OUT = -1

/** Runs the check once; undefined when the container ended meanwhile. */
export async function runProbe(
  ctx: Context,
  record: ContainerRecord,
  plan: HealthPlan,
  signal: AbortSignal,
): Promise<HealthProbe | undefined> {
  const start = ctx.clock.nowNano()
  const execId = ctx.randomHex(64)
  const ref = { containerId: record.id, execId }
  const exited = Promise.withResolvers<number>()
  ctx.execWaiters.set(execId, report => exited.resolve(report.exitCode))
  const done = (ExitCode: number, Output: string): HealthProbe => ({
    Start: rfc3339Nano(start),
    End: rfc3339Nano(ctx.clock.nowNano()),
    ExitCode,
    Output,
  })
  const timer = new AbortController()
  const both = AbortSignal.any([timer.signal, signal])
  let attachment: Attachment | undefined
  try {
    const request = {
      command: plan.command,
      env: [],
      user: '',
      workingDir: '',
      privileged: false,
      tty: false,
      consoleSize: null,
    }
    const process = await execProcess(ctx, record, request)
    const started = await ctx.runtime.exec({ ...ref, process, stdin: false, attach: true })
    attachment = started.attachment
    const output = attachment ? collect(attachment) : Promise.resolve({ text: '' })
    const late = ctx.clock.sleep(plan.timeout, both).then(
      () => 'late' as const,
      () => 'over' as const,
    )
    const first = await Promise.race([exited.promise, late])
    if (first === 'over') return undefined
    if (first === 'late') {
      await ctx.runtime.signal(ref, SIGKILL).catch(() => {})
      return done(TIMED_OUT, `Health check exceeded timeout (${plan.timeout / 1000}s)`)
    }
    // The exit may be known before the last of the output is read.
    const grace = ctx.clock.sleep(1000, both).catch(() => {})
    await Promise.race([output, grace])
    return done(first, (await Promise.race([output, Promise.resolve({ text: '' })])).text)
  } catch (error) {
    return signal.aborted ? undefined : done(TIMED_OUT, messageOf(error))
  } finally {
    timer.abort()
    ctx.execWaiters.delete(execId)
    attachment?.close()
  }
}

/** The first 4,096 bytes. */
async function collect(attachment: Attachment): Promise<{ text: string }> {
  const parts: Buffer[] = []
  let length = 0
  for await (const { data } of attachment.output) {
    if (length < MAX_OUTPUT) parts.push(data.subarray(0, MAX_OUTPUT - length))
    length += data.length
  }
  return { text: Buffer.concat(parts).toString('utf8') }
}
