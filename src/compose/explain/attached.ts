import type { Report } from '#model/report.ts'
import type { Project, Service } from '../project.ts'
import { edit, placeOf, type Place } from './places.ts'

type AttachedPlace = Exclude<Place, { kind: 'none' | 'container' }>

/**
 * Where a service stands, when that leads anywhere.
 * @returns undefined when it has no network, or one that the file does not tell of; the report says so then
 */
export function attachedPlace(
  report: Report,
  project: Project,
  service: Service,
): { place: AttachedPlace; owner: Service } | undefined {
  const { place, owner } = placeOf(project, service)
  if (place.kind === 'none') {
    report.fail(
      'network',
      'networks',
      `${owner.name} has nothing but its own loopback`,
      'no-network',
      `${service.name} has network_mode none, so it has no network`,
      edit(project, `take network_mode: none from services.${owner.name}`),
    )
    return undefined
  }
  if (place.kind === 'container') {
    report.undecided('network', `container ${place.name}`, 'is not in the file, so that its networks are not known')
    return undefined
  }
  return { place, owner }
}
