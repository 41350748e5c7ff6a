import type { Project, Service } from '../project.ts'
import { attachedPlace } from './attached.ts'
import { allows, covers, policiesOf, policyText, type Destination } from './egress.ts'
import { edit, isFalse, listed, option } from './places.ts'
import type { Report } from '#model/report.ts'
import { checkAddresses } from './subnets.ts'

/** Container to the internet, to an address or a name of the world's. */
export function toOutside(report: Report, project: Project, source: Service, destination: Destination): void {
  const attached = attachedPlace(report, project, source)
  if (!attached) return
  const { place, owner } = attached
  switch (place.kind) {
    case 'host':
      report.ok('network', 'network', `${source.name} goes out as the host does`)
      return policy(report, project, source, [], destination)
    case 'other':
      report.ok('network', `network ${place.name}`, 'leads out unless it is internal')
      return policy(report, project, owner, [], destination)
    case 'networks':
      return byNetworks(report, project, source, owner, place.keys, destination)
  }
}

function byNetworks(
  report: Report,
  project: Project,
  source: Service,
  owner: Service,
  keys: string[],
  destination: Destination,
): void {
  const onLink = keys.find(key => inside(project, key, destination))
  if (onLink) {
    report.ok('route', `network ${onLink}`, `${destination.address} is in its subnet`)
    report.undecided('address', `address ${destination.address}`, 'whose it is, is known only when the project runs')
    return
  }
  const unknown = keys.filter(key => project.networks[key]!.external)
  const open = keys.filter(key => !project.networks[key]!.external && leadsOut(project, key))
  if (open.length === 0 && unknown.length > 0) {
    report.undecided(
      'network',
      unknown.length > 1 ? 'networks' : `network ${unknown[0]}`,
      `${listed(unknown)} is external, so that whether it leads out is not known`,
    )
    return policy(report, project, owner, keys, destination)
  }
  if (open.length === 0) {
    const isolated = keys.find(key => !project.networks[key]!.internal)
    report.fail(
      'network',
      keys.length > 1 ? 'networks' : `network ${keys[0]}`,
      isolated
        ? `${listed(keys)} lead nowhere: gateway mode isolated`
        : keys.length > 1
          ? `${listed(keys)} are all internal`
          : 'is internal',
      'internal-network',
      `${source.name} is on ${keys.length > 1 ? 'internal networks' : `the internal network ${keys[0]}`} only, which has no way out`,
      edit(project, `add a network that is not internal to services.${owner.name}.networks`),
    )
    return
  }
  const gateway = open.toSorted(
    (a, b) => (owner.networks[b]?.gw_priority ?? 0) - (owner.networks[a]?.gw_priority ?? 0) || (a < b ? -1 : 1),
  )[0]!
  report.ok('route', `network ${gateway}`, 'leads out')
  checkAddresses(report, project, keys, [owner])
  const network = project.networks[gateway]!
  if (isFalse(option(network, 'enable_ip_masquerade')) || option(network, 'gateway_mode_ipv4') === 'routed') {
    report.warn(
      'nat',
      `network ${gateway}`,
      'does not masquerade: answers come back only where routers outside know its subnet',
    )
  }
  policy(report, project, owner, [gateway], destination)
}

const inside = (project: Project, key: string, { address }: Destination): boolean =>
  address !== undefined &&
  (project.networks[key]!.ipam?.config ?? []).some(pool => pool.subnet && covers(pool.subnet, address))

const leadsOut = (project: Project, key: string): boolean => {
  const network = project.networks[key]!
  return !network.internal && option(network, 'gateway_mode_ipv4') !== 'isolated'
}

/** Every policy must let it pass. */
function policy(report: Report, project: Project, owner: Service, keys: string[], destination: Destination): void {
  const { name, address, port, protocol } = destination
  const where = `${name ?? address ?? 'the internet'}${port > 0 ? `:${port}/${protocol}` : ''}`
  for (const one of policiesOf(project, owner, keys)) {
    const subject = `egress policy of ${one.of}`
    const entries = policyText(one)
    switch (allows(one, destination)) {
      case 'yes':
        report.ok('egress', subject, `allows ${where}`)
        break
      case 'undecided':
        report.warn('egress', subject, `allows ${entries} only, by what DNS answers`)
        break
      case 'no':
        report.fail(
          'egress',
          subject,
          `allows ${entries} only`,
          'egress-denied',
          `the egress policy of ${one.of} does not allow ${where}`,
          edit(
            project,
            `add ${name ?? address ?? '0.0.0.0/0'}${port > 0 ? `:${port}` : ''} to x-berth-egress of ${one.of}`,
          ),
        )
    }
  }
}
