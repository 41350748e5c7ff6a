import type { Observed } from '../observe.ts'
import type { Project } from '../project.ts'
import { addStep, addStops } from './order.ts'
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
  const add = (action: Action, cause: string, needs: string[]) => addStep(steps, action, cause, needs)
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
  const removals: string[] = []
  addStops(steps, mine, 'down', (one, stopped) => {
    const { name, id } = one
    const anonymous = options.volumes ? Object.values(one.anonymous) : []
    removals.push(add({ kind: 'remove-container', name, id, volumes: options.volumes, anonymous }, 'down', stopped))
  })
  if (!chosen) {
    const namesOf = (objects: { name: string; external: boolean }[]) =>
      new Set(objects.flatMap(one => (one.external ? [one.name] : [])))
    const external = namesOf(Object.values(project?.networks ?? {}))
    const externalVolumes = namesOf(Object.values(project?.volumes ?? {}))
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
        if (owner === name && !externalVolumes.has(volume))
          add({ kind: 'remove-volume', name: volume }, 'down --volumes', removals)
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
