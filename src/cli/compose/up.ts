import { meets } from '#compose/execute.ts'
import { observe } from '#compose/observe.ts'
import { planUp, selectServices } from '#compose/plan/up.ts'
import type { Project } from '#compose/project.ts'
import { imageName } from '#compose/request.ts'
import { CliError, defineCommand, type Input } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { followLogs } from './follow.ts'
import { load } from './project.ts'
import { imagesOf, runPlan } from './run-plan.ts'

export const upFlags = {
  'always-recreate-deps': { type: 'bool', help: 'Recreate dependent containers. Incompatible with --no-recreate.' },
  'force-recreate': { type: 'bool', help: "Recreate containers even if their configuration and image haven't changed" },
  'no-recreate': {
    type: 'bool',
    help: "If containers already exist, don't recreate them. Incompatible with --force-recreate.",
  },
  pull: { type: 'string', help: 'Pull image before running ("always"|"missing"|"never")' },
  'quiet-pull': { type: 'bool', help: 'Pull without printing progress information' },
  'remove-orphans': { type: 'bool', help: 'Remove containers for services not defined in the Compose file' },
  scale: {
    type: 'list',
    help: 'Scale SERVICE to NUM instances. Overrides the scale setting in the Compose file if present.',
  },
} as const

export interface UpFlags {
  'always-recreate-deps': boolean
  'force-recreate': boolean
  'no-recreate': boolean
  pull: string
  'remove-orphans': boolean
  scale: string[]
}

export const command = defineCommand({
  usage: '[OPTIONS] [SERVICE...]',
  args: [0, Infinity],
  flags: {
    ...upFlags,
    'abort-on-container-exit': {
      type: 'bool',
      help: 'Stops all containers if any container was stopped. Incompatible with -d',
    },
    detach: { type: 'bool', short: 'd', help: 'Detached mode: Run containers in the background' },
    'no-color': { type: 'bool', help: 'Produce monochrome output' },
    'no-deps': { type: 'bool', help: "Don't start linked services" },
    'no-log-prefix': { type: 'bool', help: "Don't print prefix in logs" },
    'no-start': { type: 'bool', help: "Don't start the services after creating them" },
    'renew-anon-volumes': {
      type: 'bool',
      short: 'V',
      help: 'Recreate anonymous volumes instead of retrieving data from the previous containers',
    },
    timeout: {
      type: 'int',
      short: 't',
      help: 'Use this timeout in seconds for container shutdown when attached or when containers are already running',
    },
    timestamps: { type: 'bool', help: 'Show timestamps' },
    wait: { type: 'bool', help: 'Wait for services to be running|healthy. Implies detached mode.' },
    'wait-timeout': { type: 'int', help: 'Maximum duration in seconds to wait for the project to be running|healthy' },
  },
  async run(context, input) {
    const { flags, changed } = input
    const timeout = changed.has('timeout') ? flags.timeout : undefined
    const up = await bringUp(context, input, {
      flags,
      noDeps: flags['no-deps'],
      noStart: flags['no-start'],
      renewVolumes: flags['renew-anon-volumes'],
      timeout,
    })
    if (!up || flags['no-start']) return 0
    const { project, selected } = up
    if (flags.wait) {
      const limit = flags['wait-timeout'] > 0 ? AbortSignal.timeout(flags['wait-timeout'] * 1000) : undefined
      await allReady(context, project.name, selected, limit)
      return 0
    }
    if (flags.detach) return 0
    return attached(context, project, selected, {
      timeout,
      timestamps: flags.timestamps,
      prefix: !flags['no-log-prefix'],
      colour: context.colour && !flags['no-color'],
      abortOnExit: flags['abort-on-container-exit'],
    })
  },
})

/** Plans and runs; undefined under `--dry-run`. */
export async function bringUp(
  context: Context,
  input: Pick<Input, 'group' | 'args'>,
  options: { flags: UpFlags; noDeps: boolean; noStart: boolean; renewVolumes: boolean; timeout?: number },
): Promise<{ project: Project; selected: string[] } | undefined> {
  const { flags } = options
  if (flags['force-recreate'] && flags['no-recreate']) {
    throw new CliError('--force-recreate and --no-recreate are incompatible')
  }
  const project = await load(context, input)
  const selected = selectServices(project, input.args, options.noDeps)
  if (selected.length === 0) throw new CliError('no service selected')
  const names = selected.map(name => project.services[name]!.image ?? imageName(project, project.services[name]!))
  const [observed, images] = await Promise.all([observe(context.client, project.name), imagesOf(context, names)])
  const plan = planUp(project, observed, {
    services: input.args,
    noDeps: options.noDeps,
    forceRecreate: flags['force-recreate'],
    noRecreate: flags['no-recreate'],
    alwaysRecreateDeps: flags['always-recreate-deps'],
    renewVolumes: options.renewVolumes,
    removeOrphans: flags['remove-orphans'],
    noStart: options.noStart,
    scale: parseScale(flags.scale),
    pull: flags.pull || undefined,
    images,
  })
  const ran = await runPlan(context, input, { project, observed, plan, timeout: options.timeout })
  return ran ? { project, selected } : undefined
}

function parseScale(values: string[]): Record<string, number> {
  return Object.fromEntries(
    values.map(value => {
      const match = /^([^=]+)=(\d+)$/.exec(value)
      if (!match) throw new CliError(`invalid --scale option ${JSON.stringify(value)}: use SERVICE=NUM`)
      return [match[1]!, Number(match[2])]
    }),
  )
}

async function allReady(context: Context, project: string, services: string[], limit?: AbortSignal): Promise<void> {
  const { containers } = await observe(context.client, project)
  const mine = containers.filter(one => services.includes(one.service) && !one.oneoff)
  try {
    await Promise.all(mine.map(one => meets(context.client, one.id, 'running_or_healthy', limit)))
  } catch (error) {
    if (limit?.aborted) throw new CliError('timeout waiting for the services to be running or healthy')
    throw error
  }
}

async function attached(
  context: Context,
  project: Project,
  services: string[],
  options: { timeout?: number; timestamps: boolean; prefix: boolean; colour: boolean; abortOnExit: boolean },
): Promise<number> {
  const { containers } = await observe(context.client, project.name)
  const mine = containers.filter(one => services.includes(one.service) && !one.oneoff)
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  const exits = mine.map(async one => {
    const { exit } = await context.client.containers.wait(one.id, 'not-running', stop.signal)
    const { StatusCode } = await exit
    if (!stop.signal.aborted) context.print(`${one.name} exited with code ${StatusCode}`)
    if (options.abortOnExit) stop.abort()
    return StatusCode
  })
  const logs = followLogs(context, mine, { ...options, follow: true, tail: 'all', signal: stop.signal })
  await Promise.race([Promise.allSettled([...exits, logs]), aborted(stop.signal)])
  process.off('SIGINT', onSignal)
  process.off('SIGTERM', onSignal)
  if (!stop.signal.aborted) return 0
  context.warn('Gracefully stopping... (press Ctrl+C again to force)')
  await Promise.allSettled(mine.map(one => context.client.containers.stop(one.id, { timeout: options.timeout })))
  const codes = options.abortOnExit ? await Promise.allSettled(exits) : []
  const failed = codes.find(one => one.status === 'fulfilled' && one.value !== 0)
  return options.abortOnExit ? (failed?.status === 'fulfilled' ? failed.value : 0) : 130
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
