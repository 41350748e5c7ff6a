import { conflict, messageOf, system } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Context } from './context.ts'
import type { Ending } from './ending.ts'

const LABEL = 'berth.backup.'
/** Seconds. */
const TIMEOUT = 60
/** Bytes of a command's output that an error shows, from its end. */
const SHOWN = 2000
const SIGKILL = 9

/** What one container does around a backup. */
export interface Hooks {
  container: string
  name: string
  /** Shell commands; '' for none. `during` says `ready`, and ends when its stdin does. */
  before: string
  during: string
  after: string
  /** Milliseconds for each step. */
  timeout: number
}

/**
 * The commands of `berth.backup.*` labels: a container's own, else those of a volume that it uses. What a volume's labels
 * say is done once, in the first container that uses it.
 *
 * @param containers that run, by name
 */
export function hooksOf(volumes: readonly VolumeRecord[], containers: readonly ContainerRecord[]): Hooks[] {
  const left = new Set(volumes)
  return containers.flatMap(({ id, name, config, mounts }) => {
    const own = config.Labels ?? {}
    const used = Array.from(left).filter(volume =>
      mounts.some(mount => mount.Type === 'volume' && mount.Name === volume.name),
    )
    const sources = hasHooks(own) ? [own] : used.map(volume => volume.labels).filter(hasHooks)
    for (const volume of used) left.delete(volume)
    return sources.map(labels => hooksFrom(id, name, labels))
  })
}

function hasHooks(labels: Readonly<Record<string, string>>): boolean {
  return ['before', 'during', 'after'].some(when => (labels[LABEL + when] ?? '') !== '')
}

function hooksFrom(container: string, name: string, labels: Readonly<Record<string, string>>): Hooks {
  const seconds = Number(labels[`${LABEL}timeout`] || TIMEOUT)
  const of = (when: string) => labels[LABEL + when] ?? ''
  const timeout = (Number.isFinite(seconds) && seconds > 0 ? seconds : TIMEOUT) * 1000
  return { container, name, before: of('before'), during: of('during'), after: of('after'), timeout }
}

/**
 * Runs what comes before the copy, and adds to `ending` what comes after it: in reverse order, `during` is over before
 * `after` runs.
 *
 * @throws conflict naming the container, the label and what the command printed
 */
export async function runHooks(ctx: Context, hooks: readonly Hooks[], env: string[], ending: Ending): Promise<void> {
  for (const one of hooks) {
    if (one.after !== '') ending.add(`${LABEL}after`, async () => runCommand(ctx, one, 'after', env))
    if (one.before !== '') await runCommand(ctx, one, 'before', env)
    if (one.during !== '') ending.add(`${LABEL}during`, await holdOpen(ctx, one, env))
  }
}

/** Runs it to its end. */
async function runCommand(ctx: Context, hooks: Hooks, when: 'before' | 'after', env: string[]): Promise<void> {
  const command = await begin(ctx, hooks, when, env, false)
  if (!(await within(ctx, command.ended, hooks.timeout))) throw await command.overdue()
  command.demandSuccess()
}

/** Starts it, waits until it says `ready`, and returns what ends it. */
async function holdOpen(ctx: Context, hooks: Hooks, env: string[]): Promise<() => Promise<void>> {
  const command = await begin(ctx, hooks, 'during', env, true)
  const first = Promise.race([command.ready, command.ended])
  if (!(await within(ctx, first, hooks.timeout))) throw await command.overdue()
  if (command.isOver()) {
    command.demandSuccess()
    throw conflict(`${command.title} ended without a line "ready"; it must stay until its stdin is closed`)
  }
  return async () => {
    if (command.isOver()) {
      command.demandSuccess()
      throw conflict(`${command.title} ended before the copy was over; it must stay until its stdin is closed`)
    }
    command.closeInput()
    if (!(await within(ctx, command.ended, hooks.timeout))) throw await command.overdue()
    command.demandSuccess()
  }
}

async function begin(ctx: Context, hooks: Hooks, when: 'before' | 'during' | 'after', env: string[], stdin: boolean) {
  const { containers } = ctx
  const title = `${LABEL}${when} of container ${hooks.name}`
  const request = {
    command: ['sh', '-c', hooks[when]],
    env,
    user: '',
    workingDir: '',
    privileged: false,
    tty: false,
    attachStdin: stdin,
    attachStdout: true,
    attachStderr: true,
    detachKeys: '',
    consoleSize: null,
  }
  const start = async () => {
    const id = await containers.execCreate(hooks.container, request)
    return { id, attachment: (await containers.execStart(id, { detach: false }))! }
  }
  const { id, attachment } = await start().catch((cause: unknown) => {
    throw conflict(`${title} cannot run (--no-hooks leaves such commands out)`, { cause })
  })
  let text = ''
  let over = false
  const ready = Promise.withResolvers<void>()
  const read = async () => {
    let lines = ''
    for await (const { stream, data } of attachment.output) {
      text = (text + data.toString()).slice(-SHOWN)
      if (stream !== 'stdout') continue
      lines = (lines + data.toString()).slice(-SHOWN)
      if (/^ready\r?$/m.test(lines)) ready.resolve()
    }
  }
  const ended = read()
    .catch((error: unknown) => void (text += messageOf(error)))
    .finally(() => (over = true))
  const said = () => (text.trim() === '' ? ' and printed nothing' : `: ${text.trim()}`)
  return {
    title,
    ready: ready.promise,
    ended,
    isOver: () => over,
    closeInput: () => void attachment.stdin.end(),
    demandSuccess() {
      const { exitCode } = containers.execGet(id)
      if (exitCode !== 0) throw conflict(`${title} ended with code ${exitCode ?? 'unknown'}${said()}`)
    },
    async overdue() {
      await containers.execSignal(id, SIGKILL).catch(() => {})
      attachment.close()
      const limit = `${hooks.timeout / 1000} s (label ${LABEL}timeout)`
      return system(`${title} took longer than ${limit} and was ended${said()}`)
    },
  }
}

/** Whether it happened in time. */
async function within(ctx: Context, work: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const late = ctx.clock.sleep(ms, timer.signal).then(
    () => false,
    () => true,
  )
  const done = await Promise.race([work.then(() => true), late])
  timer.abort()
  return done
}
