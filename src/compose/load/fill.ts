import { readFile } from 'node:fs/promises'
import { invalid } from '#lib/errors.ts'
import type { Service } from '../project.ts'
import { parseDotenv } from './dotenv.ts'
import type { PartialService } from './service.ts'

const LISTS = [
  ...['env_file', 'ports', 'expose', 'volumes', 'volumes_from', 'tmpfs', 'cap_add', 'cap_drop', 'security_opt'],
  ...['group_add', 'devices', 'dns', 'dns_search', 'dns_opt', 'extra_hosts', 'links', 'external_links', 'profiles'],
  ...['configs', 'secrets'],
]
const MAPS = ['environment', 'networks', 'depends_on', 'labels', 'annotations', 'sysctls', 'ulimits']

/** Gives every absent list and map its empty value, reads env files, and adds what other keys imply. */
export async function fillService(
  name: string,
  partial: PartialService,
  lookup: (name: string) => string | undefined,
): Promise<Service> {
  const blank = Object.fromEntries([...LISTS.map(key => [key, []]), ...MAPS.map(key => [key, {}])]) as object
  const service = structuredClone({ ...blank, ...partial, name }) as Service
  const environment: Record<string, string | null> = {}
  for (const { path, required } of service.env_file) {
    let text: string
    try {
      text = await readFile(path, 'utf8')
    } catch (cause) {
      if (!required) continue
      throw invalid(`service ${name}: env file ${path} not found`, { cause })
    }
    Object.assign(environment, parseDotenv(text, path, lookup))
  }
  for (const [key, value] of Object.entries(service.environment)) {
    const resolved = value ?? lookup(key)
    if (resolved !== undefined) environment[key] = resolved
  }
  service.environment = environment
  if (Object.keys(service.networks).length === 0 && !service.network_mode) {
    service.networks = { default: { aliases: [], link_local_ips: [], driver_opts: {} } }
  }
  implyDependencies(service)
  return service
}

/** `links`, `volumes_from` and the `service:` modes make a service depend on another. */
function implyDependencies(service: Service): void {
  const needs = [
    ...service.links.map(link => link.split(':')[0]!),
    ...service.volumes_from.filter(from => !from.startsWith('container:')).map(from => from.split(':')[0]!),
    ...[service.network_mode, service.ipc, service.pid]
      .filter(mode => mode?.startsWith('service:'))
      .map(mode => mode!.slice('service:'.length)),
  ]
  for (const other of needs) {
    service.depends_on[other] ??= { condition: 'service_started', restart: true, required: true }
  }
}
