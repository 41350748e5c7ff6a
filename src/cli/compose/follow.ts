import type { ObservedContainer } from '#compose/observe.ts'
import type { Context } from '../core/context.ts'

const COLOURS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]

/** Prints the logs of several containers, each line behind its container's name. Ends when all logs have. */
export async function followLogs(
  context: Context,
  containers: readonly ObservedContainer[],
  options: {
    follow: boolean
    tail: string
    timestamps: boolean
    prefix: boolean
    colour: boolean
    since?: string
    until?: string
    signal?: AbortSignal
  },
): Promise<void> {
  const { follow, tail, timestamps, since, until, signal } = options
  const labels = containers.map(one =>
    one.name.endsWith(`-${one.service}-${one.number}`) ? `${one.service}-${one.number}` : one.name,
  )
  const width = Math.max(0, ...labels.map(label => label.length))
  await Promise.all(
    containers.map(async (one, index) => {
      const shown = `${labels[index]!.padEnd(width)}  | `
      const colour = COLOURS[index % COLOURS.length]
      const prefix = !options.prefix ? '' : options.colour ? `\x1b[${colour}m${shown}\x1b[0m` : shown
      const frames = await context.client.containers.logs(one.id, { follow, tail, timestamps, since, until, signal })
      const rest = { stdout: '', stderr: '' }
      try {
        for await (const { stream, data } of frames) {
          const lines = (rest[stream] + data.toString()).split('\n')
          rest[stream] = lines.pop()!
          if (lines.length > 0) context[stream].write(lines.map(line => `${prefix}${line}\n`).join(''))
        }
      } catch (error) {
        if (!signal?.aborted) throw error
      }
      for (const stream of ['stdout', 'stderr'] as const) {
        if (rest[stream]) context[stream].write(`${prefix}${rest[stream]}\n`)
      }
    }),
  )
}
