import { frame } from '#codec/stdcopy.ts'
import type { ContainersService } from '#engine/containers/index.ts'
import { invalid } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import { Batch } from '../batch.ts'
import type { Context } from '../context.ts'
import type { Needs } from '../needs.ts'
import type { Route } from '../router.ts'

type LogLine = Awaited<ReturnType<ContainersService['logs']>> extends AsyncIterable<infer Line> ? Line : never

const FOREVER = 2n ** 63n - 1n

/** `GET /containers/{id}/logs` */
export function containerLogRoutes({ containers }: Needs): Route[] {
  return [{ method: 'GET', path: '/containers/{id}/logs', handle: logs }]

  async function logs(context: Context): Promise<void> {
    const { query } = context
    const reference = context.param('id')
    const stdout = query.bool('stdout')
    const stderr = query.bool('stderr')
    if (!stdout && !stderr) throw invalid('Bad parameters: you must choose at least one stream')
    const record = containers.get(reference)
    const { Tty: tty } = record.config
    const lines = await containers.logs(reference, {
      stdout,
      stderr,
      follow: query.bool('follow'),
      since: query.time('since') ?? 0n,
      until: query.time('until') || FOREVER,
      tail: tailOf(query.text('tail')),
      signal: context.signal,
    })
    const format = lineFormatter(record, { timestamps: query.bool('timestamps'), details: query.bool('details') })
    context.begin(`application/vnd.docker.${!tty && context.version >= 42 ? 'multiplexed' : 'raw'}-stream`)
    const batch = new Batch(context)
    for await (const line of lines) {
      const data = format(line)
      const full = batch.add(tty ? data : frame(line.stream, data))
      if (full) await full
    }
    await batch.flush()
    context.end()
  }
}

/** All lines for `all` and, as in Docker, for anything that is not a count. */
function tailOf(text: string): number | undefined {
  return /^[0-9]+$/.test(text) ? Number(text) : undefined
}

/** Puts time and details before each line; the later pieces of a long line get neither. */
export function lineFormatter(
  record: ContainerRecord,
  options: { timestamps: boolean; details: boolean },
): (line: LogLine) => Buffer {
  if (!options.timestamps && !options.details) return line => line.data
  const details = options.details ? `${detailsOf(record)} ` : ''
  const open = { stdout: false, stderr: false }
  return ({ time, stream, data }) => {
    const continued = open[stream]
    open[stream] = data.at(-1) !== 10
    if (continued) return data
    return Buffer.concat([Buffer.from(`${options.timestamps ? `${time} ` : ''}${details}`), data])
  }
}

/** Labels and variables that the log options name, as `key=value,…`. */
function detailsOf({ config, hostConfig }: ContainerRecord): string {
  const { labels = '', env = '' } = hostConfig.LogConfig.Config
  const pairs: string[] = []
  const add = (key: string, value: string) => pairs.push(`${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
  for (const key of labels.split(',')) if (key in config.Labels) add(key, config.Labels[key]!)
  for (const key of env.split(',')) {
    const entry = config.Env.find(item => item.startsWith(`${key}=`))
    if (key !== '' && entry !== undefined) add(key, entry.slice(key.length + 1))
  }
  return pairs.toSorted().join(',')
}
