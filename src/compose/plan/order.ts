import { conflict } from '#lib/errors.ts'
import { LABEL } from '../labels.ts'
import type { Observed, ObservedContainer } from '../observe.ts'
import type { Action, Plan, Step } from './step.ts'

export const isAlive = (one: ObservedContainer): boolean => ['running', 'paused', 'restarting'].includes(one.state)

/** Those that others depend on come last (by their labels; a circle is cut anywhere). */
export function dependentsFirst(containers: readonly ObservedContainer[]): ObservedContainer[] {
  const order = new Set<ObservedContainer>()
  const visit = (one: ObservedContainer, trail: ObservedContainer[]) => {
    if (order.has(one) || trail.includes(one)) return
    for (const other of containers) if (other.dependsOn.includes(one.service)) visit(other, [...trail, one])
    order.add(one)
  }
  for (const one of containers) visit(one, [])
  return [...order]
}

/** Stops containers, each when those that depend on it have stopped. */
export function planStop(containers: readonly ObservedContainer[]): Plan {
  const steps: Step[] = []
  addStops(steps, containers, 'stop')
  return { steps, warnings: [] }
}

/** @returns ids of the steps after which a container has stopped, by its id */
export function addStops(
  steps: Step[],
  containers: readonly ObservedContainer[],
  cause: string,
  each: (one: ObservedContainer, stopped: string[]) => void = () => {},
): void {
  const stops = new Map<string, string[]>()
  for (const one of dependentsFirst(containers)) {
    const dependents = containers
      .filter(other => other !== one && other.dependsOn.includes(one.service))
      .flatMap(other => stops.get(other.id) ?? [])
    const stop = isAlive(one)
      ? [addStep(steps, { kind: 'stop-container', name: one.name, id: one.id }, cause, dependents)]
      : dependents
    stops.set(one.id, stop)
    each(one, stop)
  }
}

/** Starts containers that exist, each when those it depends on have started. */
export function planStart(containers: readonly ObservedContainer[]): Plan {
  const steps: Step[] = []
  const starts = new Map<string, string>()
  for (const one of dependentsFirst(containers).toReversed()) {
    if (one.state !== 'created' && one.state !== 'exited') continue
    const { service, number, name, id } = one
    const needs = containers
      .filter(other => one.dependsOn.includes(other.service))
      .flatMap(other => starts.get(other.id) ?? [])
    starts.set(id, addStep(steps, { kind: 'start-container', service, number, name, id }, 'start', needs))
  }
  return { steps, warnings: [] }
}

export function addStep(steps: Step[], action: Action, cause: string, needs: string[] = []): string {
  const id = String(steps.length + 1)
  steps.push({ id, needs, action, cause })
  return id
}

/**
 * Two projects of one name must not destroy each other (docker/compose#7969). A project whose directory is gone was
 * moved: its containers are nobody else's.
 *
 * @param isThere whether a directory exists on this machine
 * @throws conflict naming the other directory and the way out
 */
export function refuseOther(
  project: { name: string; workingDir: string },
  observed: Observed,
  isThere: (directory: string) => boolean,
): void {
  for (const { name, workingDir } of observed.containers) {
    if (workingDir === '' || workingDir === project.workingDir || !isThere(workingDir)) continue
    throw conflict(
      `container ${name} belongs to another project named ${project.name}, in ${workingDir} (${LABEL.workingDir}): choose another name with -p, or take that one down first, with compose -p ${project.name} down`,
    )
  }
}
