import { isIP } from 'node:net'
import type { Project, Service } from '../project.ts'
import { containerName } from '../names.ts'
import { replicasOf } from './places.ts'

/** What a name stands for, as asked from one service. */
export type Target =
  | {
      kind: 'service'
      service: Service
      /** Networks on which the name is known; undefined is every network of the service. */
      on?: string[]
      /** What it is: `service`, `alias`, `container name`, `link`, `address`. */
      as: string
    }
  | { kind: 'host' }
  | { kind: 'internet' }
  | { kind: 'address'; address: string }
  /** A name that the world's DNS may know. */
  | { kind: 'outside'; name: string }
  | { kind: 'nobody'; name: string; known: string[] }

/** Words of the command line that are no names. */
export const HOST = 'host'
export const INTERNET = 'internet'

/** @param from the service that asks; undefined for the host and the internet */
export function resolve(project: Project, from: Service | undefined, to: string): Target {
  // `extra_hosts` and links are the asker's own, and come before what its networks know.
  const hosts = from?.extra_hosts.find(line => line.startsWith(`${to}:`))?.slice(to.length + 1)
  if (hosts === 'host-gateway') return { kind: 'host' }
  if (hosts) return resolve(project, undefined, hosts)
  const named = project.services[to]
  if (named) return { kind: 'service', service: named, as: 'service' }
  const linked = from?.links.find(link => link.split(':')[1] === to)?.split(':')[0]
  if (linked && project.services[linked]) return { kind: 'service', service: project.services[linked], as: 'link' }
  if (to === HOST) return { kind: 'host' }
  if (to === INTERNET) return { kind: 'internet' }

  const services = Object.values(project.services)
  const holders = services.flatMap(service => {
    const on = Object.keys(service.networks).filter(key => service.networks[key]!.aliases.includes(to))
    return on.length > 0 ? [{ service, on }] : []
  })
  const near = holders.find(holder => from && holder.on.some(key => key in from.networks)) ?? holders[0]
  if (near) return { kind: 'service', ...near, as: 'alias' }
  for (const service of services) {
    const numbers = Array.from({ length: Math.max(1, replicasOf(service)) }, (_, i) => i + 1)
    if (numbers.some(number => containerName(project, service, number) === to)) {
      return { kind: 'service', service, as: 'container name' }
    }
    const on = Object.entries(service.networks).flatMap(([key, { ipv4_address, ipv6_address }]) =>
      [ipv4_address, ipv6_address].includes(to) ? [key] : [],
    )
    if (on.length > 0) return { kind: 'service', service, on, as: 'address' }
  }
  if (isIP(to) > 0) return { kind: 'address', address: to }
  if (to.includes('.')) return { kind: 'outside', name: to }
  return { kind: 'nobody', name: to, known: services.map(service => service.name) }
}
