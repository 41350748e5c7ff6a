import type { Project, Service } from './project.ts'

/** The project as one Compose file: names written out, empty parts left out, durations and sizes as text. */
export function canonical(project: Project, services: Service[]): Record<string, unknown> {
  return pruned({
    name: project.name,
    services: Object.fromEntries(services.map(service => [service.name, serviceDocument(service)])),
    networks: section(project.networks),
    volumes: section(project.volumes),
    configs: section(project.configs),
    secrets: section(project.secrets),
  }) as Record<string, unknown>
}

function section<T extends { external: boolean }>(objects: Record<string, T>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(objects).map(([key, { external, ...rest }]) => {
      // What a variable holds may be a secret.
      const shown = { ...rest, value: undefined, ...(external ? { external } : {}) }
      return [key, shown]
    }),
  )
}

const DURATIONS = new Set(['interval', 'timeout', 'start_period', 'start_interval', 'delay', 'window'])

function serviceDocument(service: Service): Record<string, unknown> {
  const { name: _, env_file: __, stop_grace_period, networks, ...rest } = service
  return {
    ...rest,
    // A network without settings is null, and must not be pruned away.
    networks: Object.fromEntries(Object.entries(networks).map(([key, value]) => [key, pruned(value) ?? null])),
    ...(stop_grace_period === undefined ? {} : { stop_grace_period: `${stop_grace_period}s` }),
  }
}

/** Without undefined values and empty lists and maps; undefined when nothing is left. Nulls stay. */
function pruned(value: unknown, key = ''): unknown {
  if (DURATIONS.has(key) && typeof value === 'number') return durationText(value)
  if (key === 'mode' && typeof value === 'number') return value.toString(8).padStart(4, '0')
  if (Array.isArray(value)) return value.length > 0 ? value.map(item => pruned(item) ?? {}) : undefined
  // What is printed may be loaded again, where a lone dollar sign would begin a variable.
  if (typeof value === 'string') return value.replaceAll('$', '$$$$')
  if (typeof value !== 'object' || value === null) return value
  const isSections = 'services' in value
  const entries = Object.entries(value)
    .map(([name, item]): [string, unknown] => [name, pruned(item, name)])
    .filter(([, item]) => item !== undefined)
    // One order, whatever order the files had; the sections stay as they are read best.
    .sort(([one], [other]) => (isSections ? 0 : one < other ? -1 : 1))
  return entries.length > 0 ? Object.fromEntries(entries) : undefined
}

function durationText(nanos: number): string {
  if (nanos % 1e9 !== 0) return `${nanos / 1e6}ms`
  const seconds = nanos / 1e9
  const parts: [number, string][] = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ]
  return (
    parts
      .filter(([count]) => count > 0)
      .map(([count, unit]) => `${count}${unit}`)
      .join('') || '0s'
  )
}
