import type { Observed, ObservedContainer } from '../observe.ts'
import type { Project } from '../project.ts'
import type { Action, Plan, Step } from './step.ts'

export interface DownOptions {
  volumes: boolean
  removeOrphans: boolean
  /** `all`, or `local` for images that no service names; undefined keeps them. */
  rmi?: string
  /** Services to take down; empty is the whole project. */
  services: string[]
}

/**
 * Decides what `down` does. The project may be missing (only its name is known): then labels tell what is its own.
 */
export function planDown(name: string, project: Project | undefined, observed: Observed, options: DownOptions): Plan {
  const steps: Step[] = []
  const warnings: string[] = []
  const add = (action: Action, cause: string, needs: string[] = []): string => {
    const id = String(steps.length + 1)
    steps.push({ id, needs, action, cause })
    return id
  }
  const chosen = options.services.length > 0
  const mine = observed.containers.filter(one => {
    if (chosen) return options.services.includes(one.service)
    if (!project || options.removeOrphans) return true
    return one.service in project.services || project.disabled.includes(one.service)
  })
  const left = observed.containers.filter(one => !mine.includes(one))
  if (left.length > 0 && !chosen) {
    warnings.push(
      `Found orphan containers (${left.map(one => one.name).join(', ')}) for this project: --remove-orphans removes them too`,
    )
  }
  const stops = new Map<string, string[]>()
  const removals: string[] = []
  for (const one of dependentsFirst(mine)) {
    const dependents = mine
      .filter(other => other.dependsOn.includes(one.service))
      .flatMap(other => stops.get(other.id) ?? [])
    const alive = ['running', 'paused', 'restarting'].includes(one.state)
    const stop = alive ? [add({ kind: 'stop-container', name: one.name, id: one.id }, 'down', dependents)] : dependents
    stops.set(one.id, stop)
    removals.push(add({ kind: 'remove-container', name: one.name, id: one.id, volumes: options.volumes }, 'down', stop))
  }
  if (!chosen) {
    const external = new Set(Object.values(project?.networks ?? {}).flatMap(one => (one.external ? [one.name] : [])))
    for (const [network, { project: owner }] of Object.entries(observed.networks)) {
      if (owner !== name || external.has(network)) continue
      if (left.some(one => one.networks.includes(network))) {
        warnings.push(`network ${network} is still in use by an orphan container and is kept`)
        continue
      }
      add({ kind: 'remove-network', name: network }, 'down', removals)
    }
    if (options.volumes) {
      for (const [volume, { project: owner }] of Object.entries(observed.volumes)) {
        if (owner === name) add({ kind: 'remove-volume', name: volume }, 'down --volumes', removals)
      }
    }
    if (options.rmi && project) {
      for (const service of Object.values(project.services)) {
        if (options.rmi === 'all' && service.image)
          add({ kind: 'remove-image', image: service.image }, '--rmi all', removals)
      }
    }
  }
  return { steps, warnings }
}

function dependentsFirst(containers: ObservedContainer[]): ObservedContainer[] {
  const order: ObservedContainer[] = []
  const visit = (one: ObservedContainer, trail: ObservedContainer[]) => {
    if (order.includes(one) || trail.includes(one)) return
    for (const other of containers) if (other.dependsOn.includes(one.service)) visit(other, [...trail, one])
    if (!order.includes(one)) order.push(one)
  }
  for (const one of containers) visit(one, [])
  return order
}
