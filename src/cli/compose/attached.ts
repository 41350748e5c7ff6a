import { observe, type ObservedContainer } from '#compose/observe.ts'
import { execute } from '#compose/execute.ts'
import { isKind } from '#lib/errors.ts'
import { planStop } from '#compose/plan/order.ts'
import type { Context } from '../core/context.ts'
import { followOne, shortName, styles, type LogStyle } from './follow.ts'
import { progress } from './progress.ts'

export interface AttachedOptions {
  /** When `up` began, seconds since the epoch: what was logged before is not shown. */
  since: string
  /** Seconds; undefined leaves it to each container. */
  timeout?: number
  timestamps: boolean
  prefix: boolean
  colour: boolean
  /** Stop all when one ends. */
  abortOnExit: boolean
  /** The service whose exit code is ours. */
  codeFrom?: string
}

const INTERRUPTED = 130

/** Shows what the containers say until all have ended, or stops them at SIGINT or SIGTERM; a second one kills them. */
export async function stayAttached(
  context: Context,
  project: string,
  services: string[],
  options: AttachedOptions,
): Promise<number> {
  const observed = await observe(context.client, project)
  const mine = observed.containers.filter(one => services.includes(one.service) && !one.oneoff)
  context.print(`Attaching to ${mine.map(shortName).join(', ')}`)
  const stop = new AbortController()
  let interrupts = 0
  const onSignal = () => {
    interrupts++
    stop.abort()
    // In a hurry: what they were asked to do gracefully is cut short.
    if (interrupts > 1) for (const one of mine) void context.client.containers.kill(one.id).catch(() => {})
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const silent = new AbortController()
  let first: { one: ObservedContainer; code: number } | undefined
  const codes = new Map<ObservedContainer, number>()
  const looks = styles(mine, options)
  const watched = mine.map(async (one, index) => {
    const code = await watchOne(context, one, looks[index]!, { ...options, signal: silent.signal })
    if (code === undefined) return
    codes.set(one, code)
    first ??= { one, code }
    if (options.abortOnExit && !stop.signal.aborted) {
      context.warn('Aborting on container exit...')
      stop.abort()
    }
  })
  try {
    await Promise.race([Promise.all(watched), aborted(stop.signal)])
    if (stop.signal.aborted) {
      if (interrupts > 0) context.warn('Gracefully stopping... (press Ctrl+C again to force)')
      const shown = progress(context, 'auto')
      const now = await observe(context.client, project)
      const still = now.containers.filter(one => mine.some(other => other.id === one.id))
      await execute(context.client, undefined, now, planStop(still), {
        timeout: options.timeout,
        onReport: shown.report,
      }).finally(shown.end)
      // Their last words and exit codes come at once now.
      await Promise.race([Promise.allSettled(watched), new Promise(resolve => setTimeout(resolve, 2000).unref())])
    }
  } finally {
    silent.abort()
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
  if (options.codeFrom) {
    return [...codes].find(([one]) => one.service === options.codeFrom)?.[1] ?? (interrupts > 0 ? INTERRUPTED : 0)
  }
  if (interrupts > 0) return INTERRUPTED
  return options.abortOnExit ? (first?.code ?? 0) : 0
}

/** Follows one container over its restarts. @returns its exit code; undefined when we were told to be silent */
async function watchOne(
  context: Context,
  one: ObservedContainer,
  style: LogStyle,
  options: { since: string; timestamps: boolean; signal: AbortSignal },
): Promise<number | undefined> {
  const { containers } = context.client
  const { signal, timestamps } = options
  let { since } = options
  try {
    for (;;) {
      await followOne(context, one, style, { follow: true, tail: 'all', timestamps, since, signal })
      const { State } = await containers.inspect(one.id)
      const ended = String(Date.parse(State.FinishedAt) / 1000)
      if (!State.Running || State.Restarting) {
        context.print(`${shortName(one)} exited with code ${State.ExitCode}`)
        if (!State.Restarting) return State.ExitCode
        if (!(await startedAgain(context, one.id, signal))) return State.ExitCode
      }
      since = ended
    }
  } catch (error) {
    if (signal.aborted) return undefined
    // Removed by another command.
    if (isKind(error, 'not-found')) return 0
    throw error
  }
}

/** @returns whether the restart policy has brought it back; false when it was given up or stopped */
async function startedAgain(context: Context, id: string, signal: AbortSignal): Promise<boolean> {
  const stop = new AbortController()
  const events = await context.client.events.stream({
    filters: { container: [id], type: ['container'] },
    signal: AbortSignal.any([signal, stop.signal]),
  })
  try {
    const state = async () => (await context.client.containers.inspect(id)).State
    for (let { Restarting, Running } = await state(); ; { Restarting, Running } = await state()) {
      if (Running && !Restarting) return true
      if (!Restarting) return false
      const { done } = await events.next()
      if (done) return false
    }
  } finally {
    stop.abort()
    await events.return(undefined).catch(() => {})
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
