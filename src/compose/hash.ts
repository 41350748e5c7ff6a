import { createHash } from 'node:crypto'
import type { Network, Project, Service, Volume } from './project.ts'

/** What may change without the container being made anew. */
const IGNORED = new Set(['build', 'pull_policy', 'scale', 'depends_on', 'profiles', 'env_file'])

/** A digest of everything that makes a container of this service what it is: equal digests need no recreation. */
export function serviceHash(project: Project, service: Service): string {
  const { deploy, ...rest } = service
  const { replicas: _, ...kept } = deploy ?? { labels: {} }
  const own = Object.fromEntries(Object.entries(rest).filter(([key]) => !IGNORED.has(key)))
  const names = {
    networks: Object.keys(service.networks).map(key => project.networks[key]?.name),
    volumes: service.volumes.map(volume => (volume.source ? project.volumes[volume.source]?.name : undefined)),
    configs: service.configs.map(({ source }) => project.configs[source]),
    secrets: service.secrets.map(({ source }) => project.secrets[source]),
  }
  return digest({ own, deploy: kept, names })
}

export const networkHash = (network: Network): string => digest(network)
export const volumeHash = (volume: Volume): string => digest(volume)

function digest(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex')
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => one !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  )
}
