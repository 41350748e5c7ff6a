import type { Project, Service } from '../project.ts'
import { attachedPlace } from './attached.ts'
import { allows, policiesOf, policyText } from './egress.ts'
import { edit, listed } from './places.ts'
import type { Report } from '#model/report.ts'

/** Container to the machine that it runs on. */
export function toHost(
  report: Report,
  project: Project,
  source: Service,
  wanted: { asked: string; port: number; protocol: 'tcp' | 'udp' },
): void {
  const attached = attachedPlace(report, project, source)
  if (!attached) return
  const { place, owner } = attached
  switch (place.kind) {
    case 'host':
      report.ok('network', 'network', `${source.name} uses the host's: it is localhost`)
      break
    case 'other':
      report.ok('network', `network ${place.name}`, "its gateway is the host's address")
      break
    case 'networks': {
      const direct = place.keys.filter(key => !isApart(project, key))
      if (direct.length === 0) {
        report.fail(
          'network',
          place.keys.length > 1 ? 'networks' : `network ${place.keys[0]}`,
          'its driver keeps host and containers apart',
          'host-unreachable',
          `${source.name} is on ${listed(place.keys)} only, whose containers cannot reach their own host`,
          edit(project, `set host_access to "true" in networks.${place.keys[0]}.driver_opts`),
        )
        return
      }
      report.ok('network', `network ${direct[0]}`, "its gateway is the host's address")
      const named = source.extra_hosts.some(line => line.endsWith(':host-gateway'))
      if (!named) {
        report.warn(
          'name',
          'host.docker.internal',
          'is not in extra_hosts as host-gateway, so that the host has no name there but its address',
        )
      }
    }
  }
  for (const policy of policiesOf(project, owner, place.kind === 'networks' ? place.keys : [])) {
    if (allows(policy, { port: wanted.port, protocol: wanted.protocol }) !== 'yes') {
      report.warn('egress', `egress policy of ${policy.of}`, `allows ${policyText(policy)} only`)
    }
  }
  report.skip('listener', 'listener', 'what listens on the host is not in the file')
}

const isApart = (project: Project, key: string): boolean => {
  const { driver = '', driver_opts } = project.networks[key]!
  return ['macvlan', 'ipvlan'].includes(driver) && driver_opts['host_access'] !== 'true'
}
