import type { Port, Project, Service } from '../project.ts'
import { attachedPlace } from './attached.ts'
import { edit, listed, replicasOf } from './places.ts'
import type { Report } from '#model/report.ts'
import { port, type WantedService } from './to-service.ts'

/** The host, or another machine (`internet`), to a service. */
export function fromOutside(report: Report, project: Project, from: 'host' | 'internet', wanted: WantedService): void {
  const { service } = wanted
  const attached = attachedPlace(report, project, service)
  if (!attached) return
  const { place, owner } = attached
  switch (place.kind) {
    case 'host':
      report.ok('network', 'network', `${service.name} uses the host's: its ports are the host's`)
      return port(report, wanted)
    case 'other':
      if (from === 'host') report.ok('route', `network ${place.name}`, 'the host reaches it through its bridge')
      return published(report, project, from, wanted, owner, [])
    case 'networks':
      return published(report, project, from, wanted, owner, place.keys)
  }
}

function published(
  report: Report,
  project: Project,
  from: 'host' | 'internet',
  wanted: WantedService,
  owner: Service,
  keys: string[],
): void {
  const { service, protocol } = wanted
  const bridges = keys.filter(key => !['macvlan', 'ipvlan'].includes(project.networks[key]!.driver ?? ''))
  const all = owner.ports.filter(one => one.protocol === protocol)
  const matching = all.filter(
    one => wanted.port === 0 || one.target === wanted.port || holds(one.published, wanted.port),
  )
  if (from === 'host' && matching.length === 0) {
    if (keys.length > 0 && bridges.length === 0) {
      report.fail(
        'network',
        `network ${keys[0]}`,
        'its driver keeps host and containers apart',
        'host-unreachable',
        `the host cannot reach ${service.name}: it is on ${listed(keys)} only, whose driver keeps host and containers apart`,
        edit(project, `set host_access to "true" in networks.${keys[0]}.driver_opts`),
      )
    } else if (keys.length > 0) {
      report.ok('route', `network ${bridges[0]}`, `the host reaches ${service.name} by its address, not by its name`)
    }
    return port(report, wanted)
  }
  if (matching.length === 0) {
    report.fail(
      'port',
      wanted.port > 0 ? `port ${wanted.port}/${protocol}` : 'ports',
      all.length > 0 ? `${service.name} publishes ${listed(all.map(portText))}` : `${service.name} publishes none`,
      'port-not-published',
      `${service.name} does not publish ${wanted.port > 0 ? `port ${wanted.port}/${protocol}` : 'any port'}`,
      edit(project, `add ${JSON.stringify(suggestion(service, wanted.port))} to services.${owner.name}.ports`),
    )
    return
  }
  const outward = matching.filter(one => from === 'host' || !isLoopback(one.host_ip))
  if (outward.length === 0) {
    const [one] = matching as [Port]
    report.fail(
      'port',
      `port ${portText(one)}`,
      `is published on ${one.host_ip}, which only the host itself reaches`,
      'published-on-loopback',
      `${service.name} publishes port ${one.target} on ${one.host_ip} only`,
      edit(project, `take ${one.host_ip} from ${JSON.stringify(portText(one))} in services.${owner.name}.ports`),
    )
    return
  }
  report.ok('port', 'published port', listed(outward.map(portText)))
  taken(report, project, owner, outward)
  if (keys.length > 0 && keys.every(key => project.networks[key]!.internal)) {
    report.fail(
      'network',
      keys.length > 1 ? 'networks' : `network ${keys[0]}`,
      'is internal: ports are not published through it',
      'internal-network',
      `${service.name} is on ${keys.length > 1 ? 'internal networks' : `the internal network ${keys[0]}`} only, so that its ports are not published`,
      edit(project, `add a network that is not internal to services.${owner.name}.networks`),
    )
  }
  if (from === 'internet') report.skip('filter', 'firewall', "the host's own rules are not in the file")
  report.skip('listener', 'listener', `whether ${service.name} listens is known only when it runs`)
}

const isLoopback = (ip: string): boolean => ip.startsWith('127.') || ip === '::1' || ip === 'localhost'

const portText = ({ host_ip, published, target, protocol }: Port): string =>
  [host_ip, published, `${target}${protocol === 'tcp' ? '' : `/${protocol}`}`].filter(Boolean).join(':')

function holds(published: string, port: number): boolean {
  if (published === '') return false
  const [first, last = first] = published.split('-').map(Number) as [number, number?]
  return port >= first && port <= last
}

function suggestion(service: Service, wanted: number): string {
  const exposed = Number(service.expose[0]?.split('/')[0] ?? 0)
  const inner = wanted || exposed || 80
  return `${inner}:${inner}`
}

/** One port of the host has room for one service; replicas of a service share it. */
function taken(report: Report, project: Project, owner: Service, ports: readonly Port[]): void {
  for (const mine of ports) {
    if (!/^\d+$/.test(mine.published)) continue
    const other = Object.values(project.services).find(
      service =>
        service !== owner &&
        replicasOf(service) > 0 &&
        service.ports.some(
          one =>
            one.published === mine.published &&
            one.protocol === mine.protocol &&
            (one.host_ip === mine.host_ip || isAny(one.host_ip) || isAny(mine.host_ip)),
        ),
    )
    if (!other) continue
    report.fail(
      'port',
      `port ${mine.published}/${mine.protocol}`,
      `of the host is asked for by ${listed([owner.name, other.name])}`,
      'port-taken',
      `port ${mine.published} of the host is published by ${other.name} too`,
      edit(project, `give services.${owner.name}.ports another published port`),
    )
    return
  }
}

const isAny = (ip: string): boolean => ip === '' || ip === '0.0.0.0' || ip === '::'
