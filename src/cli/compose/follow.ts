import type { ObservedContainer } from '#compose/observe.ts'
import type { Context } from '../core/context.ts'

const COLOURS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]

export interface LogStyle {
  prefix: string
}

export interface FollowOptions {
  follow: boolean
  tail: string
  timestamps: boolean
  since?: string
  until?: string
  signal?: AbortSignal
}

/** `web-1`, as in logs; a name of its own stays whole. */
export function shortName(one: ObservedContainer): string {
  return one.name.endsWith(`-${one.service}-${one.number}`) ? `${one.service}-${one.number}` : one.name
}

/** What stands before the lines of each container: its name, padded to the longest, in a colour of its own. */
export function styles(
  containers: readonly ObservedContainer[],
  options: { prefix: boolean; colour: boolean },
): LogStyle[] {
  const labels = containers.map(shortName)
  const width = Math.max(0, ...labels.map(label => label.length))
  return labels.map((label, index) => {
    const shown = `${label.padEnd(width)}  | `
    if (!options.prefix) return { prefix: '' }
    return { prefix: options.colour ? `\x1b[${COLOURS[index % COLOURS.length]}m${shown}\x1b[0m` : shown }
  })
}

/** Prints the logs of several containers, each line behind its container's name. Ends when all logs have. */
export async function followLogs(
  context: Context,
  containers: readonly ObservedContainer[],
  options: FollowOptions & { prefix: boolean; colour: boolean },
): Promise<void> {
  const looks = styles(containers, options)
  await Promise.all(containers.map((one, index) => followOne(context, one, looks[index]!, options)))
}

/** Prints the log of one container, whole lines at a time. */
export async function followOne(
  context: Context,
  one: ObservedContainer,
  style: LogStyle,
  options: FollowOptions,
): Promise<void> {
  const { follow, tail, timestamps, since, until, signal } = options
  const frames = await context.client.containers.logs(one.id, { follow, tail, timestamps, since, until, signal })
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  const rest = { stdout: '', stderr: '' }
  try {
    for await (const { stream, data } of frames) {
      const lines = (rest[stream] + decoders[stream].decode(data, { stream: true })).split('\n')
      rest[stream] = lines.pop()!
      if (lines.length > 0) context[stream].write(lines.map(line => `${style.prefix}${line}\n`).join(''))
    }
  } catch (error) {
    if (!signal?.aborted) throw error
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    if (rest[stream]) context[stream].write(`${style.prefix}${rest[stream]}\n`)
  }
}
