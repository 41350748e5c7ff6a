import { existsSync } from 'node:fs'
import { loadProject } from '#compose/load/load.ts'
import { observe, type Observed, type ObservedContainer } from '#compose/observe.ts'
import { refuseOther } from '#compose/plan/order.ts'
import type { Project } from '#compose/project.ts'
import { isKind, notFound } from '#lib/errors.ts'
import type { Input } from '../core/command.ts'
import type { Context } from '../core/context.ts'

interface GroupFlags {
  file: string[]
  'project-name': string
  'project-directory': string
  'env-file': string[]
  profile: string[]
  'dry-run': boolean
  progress: string
  ansi: string
}

export function groupFlags(input: Pick<Input, 'group'>): GroupFlags {
  return input.group.flags as unknown as GroupFlags
}

/** Loads the project that the group's flags name. @throws invalid, or not-found when there is no file */
export function load(context: Context, input: Pick<Input, 'group'>, named: readonly string[] = []): Promise<Project> {
  const flags = groupFlags(input)
  return loadProject({
    files: flags.file,
    cwd: process.cwd(),
    env: context.env,
    projectName: flags['project-name'] || undefined,
    projectDirectory: flags['project-directory'] || undefined,
    envFiles: flags['env-file'],
    profiles: flags.profile,
    named,
    warn: message => context.warn(`warning: ${message}`),
    stdin: async () => {
      const chunks: Buffer[] = []
      for await (const chunk of context.stdin) chunks.push(chunk as Buffer)
      return Buffer.concat(chunks).toString()
    },
  })
}

/** The project's name, and the project itself when there is a file: `-p NAME` works without one. */
export async function loadOrName(
  context: Context,
  input: Pick<Input, 'group'>,
): Promise<{ name: string; project?: Project }> {
  try {
    const project = await load(context, input)
    return { name: project.name, project }
  } catch (error) {
    const name = groupFlags(input)['project-name'] || context.env['COMPOSE_PROJECT_NAME']
    if (isKind(error, 'not-found') && name) return { name }
    throw error
  }
}

/** What exists of a project that is to be changed. @throws conflict when it is another directory's of the same name */
export async function observeOwn(context: Context, name: string, project: Project | undefined): Promise<Observed> {
  const observed = await observe(context.client, name)
  if (project) refuseOther(project, observed, existsSync)
  return observed
}

/** The project's containers, of the services named, else of all. @throws not-found for a service that is not there */
export async function containersOf(
  context: Context,
  input: Pick<Input, 'group'>,
  services: readonly string[],
): Promise<{ name: string; project?: Project; observed: Observed; containers: ObservedContainer[] }> {
  const { name, project } = await loadOrName(context, input)
  const observed = await observe(context.client, name)
  const known = new Set([...Object.keys(project?.services ?? {}), ...observed.containers.map(one => one.service)])
  for (const service of services) if (!known.has(service)) throw notFound(`no such service: ${service}`)
  const containers = observed.containers
    .filter(one => !one.oneoff && (services.length === 0 || services.includes(one.service)))
    .sort((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : a.number - b.number))
  return { name, project, observed, containers }
}

/** One running container of a service. @param index number of the replica; 0 takes the first */
export async function containerOf(
  context: Context,
  input: Pick<Input, 'group'>,
  service: string,
  index: number,
): Promise<ObservedContainer> {
  const { containers } = await containersOf(context, input, [service])
  const running = containers.filter(one => one.state === 'running' && (index === 0 || one.number === index))
  if (!running[0]) throw notFound(`service "${service}" is not running${index > 0 ? ` container #${index}` : ''}`)
  return running[0]
}
