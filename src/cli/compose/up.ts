import { meets } from '#compose/meets.ts'
import { observe } from '#compose/observe.ts'
import { planUp, selectServices } from '#compose/plan/up.ts'
import type { Project } from '#compose/project.ts'
import { imageName } from '#compose/names.ts'
import { CliError, defineCommand, type Input } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { stayAttached } from './attached.ts'
import { exclusively } from './lock.ts'
import { load, observeOwn } from './project.ts'
import { imagesOf, runPlan } from './run-plan.ts'

export const upFlags = {
  'always-recreate-deps': { type: 'bool', help: 'Recreate dependent containers. Incompatible with --no-recreate.' },
  build: { type: 'bool', help: 'Build images before starting containers' },
  'force-recreate': { type: 'bool', help: "Recreate containers even if their configuration and image haven't changed" },
  'no-recreate': {
    type: 'bool',
    help: "If containers already exist, don't recreate them. Incompatible with --force-recreate.",
  },
  'no-build': { type: 'bool', help: "Don't build an image, even if it's policy" },
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
    'exit-code-from': {
      type: 'string',
      help: 'Return the exit code of the selected service container. Implies --abort-on-container-exit',
    },
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
    const since = String(Date.now() / 1000)
    const up = await bringUp(context, input, {
      flags,
      noDeps: flags['no-deps'],
      noStart: flags['no-start'],
      renewVolumes: flags['renew-anon-volumes'],
      timeout,
    })
    if (flags['exit-code-from'] && up && !up.selected.includes(flags['exit-code-from'])) {
      throw new CliError(`no such service: ${flags['exit-code-from']}`)
    }
    if (!up || flags['no-start']) return 0
    const { project, selected } = up
    if (flags.wait) {
      const limit = flags['wait-timeout'] > 0 ? AbortSignal.timeout(flags['wait-timeout'] * 1000) : undefined
      await allReady(context, project, selected, limit)
      return 0
    }
    if (flags.detach) return 0
    return stayAttached(context, project.name, selected, {
      since,
      timeout,
      timestamps: flags.timestamps,
      prefix: !flags['no-log-prefix'],
      colour: context.colour && !flags['no-color'],
      abortOnExit: flags['abort-on-container-exit'] || flags['exit-code-from'] !== '',
      codeFrom: flags['exit-code-from'] || undefined,
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
  const project = await load(context, input, [...input.args, ...Object.keys(parseScale(flags.scale))])
  const selected = selectServices(project, input.args, options.noDeps)
  if (selected.length === 0) throw new CliError('no service selected')
  const names = selected.map(name => project.services[name]!.image ?? imageName(project, project.services[name]!))
  return exclusively(context, project.name, async () => {
    const [observed, images] = await Promise.all([observeOwn(context, project.name, project), imagesOf(context, names)])
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
    const ran = await runPlan(context, input, { project, observed, plan, images, timeout: options.timeout })
    return ran ? { project, selected } : undefined
  })
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

/** Waits as dependents would; those that others need to have completed must complete. */
async function allReady(context: Context, project: Project, services: string[], limit?: AbortSignal): Promise<void> {
  const { containers } = await observe(context.client, project.name)
  const mine = containers.filter(one => services.includes(one.service) && !one.oneoff)
  const jobs = new Set(
    Object.values(project.services)
      .flatMap(one => Object.entries(one.depends_on))
      .flatMap(([other, { condition }]) => (condition === 'service_completed_successfully' ? [other] : [])),
  )
  const waits = mine.map(async ({ id, service, name }) => {
    const wanted = jobs.has(service) ? 'service_completed_successfully' : 'ready'
    context.warn(` Container ${name}  Waiting`)
    await meets(context.client, id, wanted, { service, signal: limit })
    context.warn(` Container ${name}  ${wanted === 'ready' ? 'Healthy' : 'Exited'}`)
  })
  try {
    await Promise.all(waits)
  } catch (error) {
    if (limit?.aborted) throw new CliError('timeout waiting for the services to be running or healthy')
    throw error
  }
}
