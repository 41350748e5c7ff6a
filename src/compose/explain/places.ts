import type { Network, Project, Service } from '../project.ts'

/** Where a service's containers stand: on networks of the file, or in somebody's network namespace. */
export type Place =
  | { kind: 'networks'; keys: string[] }
  /** The engine's default network, or one that the file does not define. */
  | { kind: 'other'; name: string }
  | { kind: 'host' }
  | { kind: 'none' }
  /** Shares that of a container outside the project. */
  | { kind: 'container'; name: string }

const DEFAULT_BRIDGE = /^(bridge|default)$/

/**
 * @returns the place, and the service whose network namespace it is: another one with `network_mode: service:…`
 */
export function placeOf(project: Project, service: Service): { place: Place; owner: Service } {
  const seen = new Set<string>()
  let owner = service
  for (;;) {
    const mode = owner.network_mode ?? ''
    const [, other] = /^service:(.+)$/.exec(mode) ?? []
    const next = other === undefined ? undefined : project.services[other]
    if (next && !seen.has(next.name)) {
      seen.add(owner.name)
      owner = next
      continue
    }
    return { place: ownPlace(project, owner, mode), owner }
  }
}

function ownPlace(project: Project, service: Service, mode: string): Place {
  const [, container] = /^(?:container|service):(.+)$/.exec(mode) ?? []
  if (container) return { kind: 'container', name: container }
  if (mode === 'host' || mode === 'none') return { kind: mode }
  if (mode !== '') return { kind: 'other', name: DEFAULT_BRIDGE.test(mode) ? 'bridge' : mode }
  const keys = Object.keys(service.networks)
  // `host` and `none` can be networks of the file too: external, or by driver.
  for (const kind of ['host', 'none'] as const) {
    const names = kind === 'host' ? ['host'] : ['none', 'null']
    if (keys.some(key => isBuiltin(project.networks[key]!, names))) return { kind }
  }
  return { kind: 'networks', keys }
}

const isBuiltin = (network: Network, names: string[]): boolean =>
  (network.external && names.includes(network.name)) || names.includes(network.driver ?? '')

/** Keys of networks that both are on: the same network of the engine, whatever the file calls it. */
export function shared(project: Project, one: readonly string[], other: readonly string[]): string[] {
  const names = new Set(other.map(key => project.networks[key]!.name))
  return one.filter(key => names.has(project.networks[key]!.name))
}

/** Go's booleans, as options have them. */
export function isFalse(value: string | undefined): boolean {
  return value !== undefined && ['0', 'f', 'false'].includes(value.toLowerCase())
}

export const option = (network: Network, name: string): string | undefined =>
  network.driver_opts[`com.docker.network.bridge.${name}`]

export const replicasOf = (service: Service): number => service.scale ?? service.deploy?.replicas ?? 1

/** `a`, `a and b`, `a, b and c` */
export function listed(words: readonly string[], last = 'and'): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`
}

/** What to write where: the remedy of what only the file can change. */
export function edit(project: Project, what: string): string {
  const file = project.files[0]?.split('/').at(-1) ?? 'the Compose file'
  return `in ${file}: ${what}`
}
