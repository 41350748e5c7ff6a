import type { Project, Service } from '../project.ts'
import { attachedPlace } from './attached.ts'
import { edit, isFalse, listed, option, placeOf, shared, type Place } from './places.ts'
import type { Report } from '#model/report.ts'
import { checkAddresses } from './subnets.ts'

export interface WantedService {
  service: Service
  /** Networks on which the name is known; undefined for each of the service's. */
  on?: string[]
  as: string
  asked: string
  port: number
  protocol: 'tcp' | 'udp'
}

/** Container to container. */
export function toService(report: Report, project: Project, source: Service, wanted: WantedService): void {
  if (source !== wanted.service && placeOf(project, source).owner === placeOf(project, wanted.service).owner) {
    return sameNamespace(report, project, source, wanted)
  }
  const here = attachedPlace(report, project, source)
  const there = here && attachedPlace(report, project, wanted.service)
  if (!here || !there) return
  if (here.place.kind === 'host') return fromHostMode(report, project, source, wanted, there.place)
  if (there.place.kind === 'host') return toHostMode(report, project, source, wanted)
  if (there.owner !== wanted.service && wanted.as !== 'address') {
    sharesName(report, project, wanted, there.owner)
  }
  if (here.place.kind === 'other' || there.place.kind === 'other') {
    return overOther(report, project, source, wanted, here.place, there.place)
  }
  overNetworks(report, project, source, wanted, keysOf(here.place), keysOf(there.place))
}

const keysOf = (place: Place): string[] => (place.kind === 'networks' ? place.keys : [])

function sameNamespace(report: Report, project: Project, source: Service, wanted: WantedService): void {
  const { service, asked } = wanted
  report.ok('network', 'networks', `${source.name} and ${service.name} share one network namespace`)
  if (service.network_mode?.startsWith('service:') || service.network_mode === 'host') {
    report.fail(
      'name',
      `name ${asked}`,
      `${service.name} has no address of its own, so that no DNS answer stands for it`,
      'name-unknown',
      `${service.name} shares the network namespace of ${source.name}, where it is localhost and not ${asked}`,
      edit(project, `let ${source.name} ask for localhost`),
    )
  }
  port(report, wanted)
}

/** Names of services are the embedded DNS server's, which only containers on networks have. */
function fromHostMode(report: Report, project: Project, source: Service, wanted: WantedService, there: Place): void {
  const { service, asked, as } = wanted
  if (as !== 'address') {
    const published = service.ports[0]?.published
    const at = there.kind === 'host' ? 'localhost' : published ? `127.0.0.1:${published}` : 'a published port'
    report.fail(
      'name',
      `name ${asked}`,
      `${source.name} uses the host's network and the host's DNS servers, which do not know services`,
      'dns-not-embedded',
      `${source.name} uses the host's network, where the name ${asked} is not known: ${service.name} is at ${at}`,
      edit(project, `let ${source.name} ask for ${at}, or take network_mode: host from it`),
    )
  } else report.ok('route', 'route', 'the host reaches its containers through their bridge')
  port(report, wanted)
}

function toHostMode(report: Report, project: Project, source: Service, wanted: WantedService): void {
  const { service, asked } = wanted
  report.fail(
    'name',
    `name ${asked}`,
    `${service.name} uses the host's network, so that it has no address and no name on networks`,
    'name-unknown',
    `${service.name} uses the host's network, where it is reached as the host and not as ${asked}`,
    edit(
      project,
      `add "host.docker.internal=host-gateway" to services.${source.name}.extra_hosts and ask for host.docker.internal`,
    ),
  )
  port(report, wanted)
}

function sharesName(report: Report, project: Project, wanted: WantedService, owner: Service): void {
  const { service, asked } = wanted
  report.fail(
    'name',
    `name ${asked}`,
    `${service.name} shares the network of ${owner.name}, which alone has names on it`,
    'name-unknown',
    `${service.name} has no name of its own: it is reached as ${owner.name}`,
    edit(project, `ask for ${owner.name}, or give services.${owner.name}.networks the alias ${asked}`),
  )
}

/** `network_mode: bridge` or the name of a network of the engine's. */
function overOther(
  report: Report,
  project: Project,
  source: Service,
  wanted: WantedService,
  here: Place,
  there: Place,
): void {
  const { service, asked, as } = wanted
  const describe = (place: Place) => (place.kind === 'other' ? [place.name] : keysOf(place))
  if (here.kind !== 'other' || there.kind !== 'other' || here.name !== there.name) {
    return noShared(report, project, source, service, describe(here), describe(there))
  }
  report.ok('network', `network ${here.name}`, `has both ${source.name} and ${service.name}`)
  if (here.name !== 'bridge') {
    report.skip('network', `network ${here.name}`, 'is not in the file, so that its options are not known')
  } else if (as === 'link' || source.links.some(link => link.split(':')[0] === service.name)) {
    report.ok('name', `name ${asked}`, `is a link of ${source.name}`)
  } else {
    report.fail(
      'name',
      `name ${asked}`,
      'the default network bridge has no embedded DNS',
      'dns-not-embedded',
      `${source.name} and ${service.name} are on the default network bridge, which knows no names`,
      edit(project, `take network_mode: bridge from ${source.name} and ${service.name}, or add links: [${asked}]`),
    )
  }
  port(report, wanted)
}

function noShared(
  report: Report,
  project: Project,
  source: Service,
  service: Service,
  here: string[],
  there: string[],
): void {
  report.fail(
    'network',
    'networks',
    `${source.name} is on ${listed(here)}, ${service.name} on ${listed(there)}`,
    'no-shared-network',
    `${source.name} and ${service.name} share no network`,
    edit(project, `add ${there[0]} to services.${source.name}.networks`),
  )
}

function overNetworks(
  report: Report,
  project: Project,
  source: Service,
  wanted: WantedService,
  here: string[],
  there: string[],
): void {
  const { service, asked, as } = wanted
  const both = shared(project, here, there)
  if (both.length === 0) {
    noShared(report, project, source, service, here, there)
    return port(report, wanted)
  }
  report.ok(
    'network',
    both.length > 1 ? 'networks' : 'network',
    `${source.name} and ${service.name} share ${listed(both)}`,
  )
  for (const key of both) makeable(report, project, key)

  const known = wanted.on ? shared(project, both, wanted.on) : both
  if (as === 'address') report.ok('name', `address ${asked}`, `is that of ${service.name}`)
  else if (known.length > 0) report.ok('name', `name ${asked}`, nameDetail(wanted, known))
  else {
    report.fail(
      'name',
      `name ${asked}`,
      `is an alias on ${listed(wanted.on!)} only, where ${source.name} is not`,
      'name-unknown',
      `${source.name} does not know the name ${asked}: it is an alias of ${service.name} on ${listed(wanted.on!)} only`,
      edit(project, `ask for ${service.name}, or add the alias ${asked} on ${both[0]}`),
    )
  }
  checkAddresses(report, project, both, source === service ? [source] : [source, service])
  apart(report, project, source, service, known.length > 0 ? known : both)
  port(report, wanted)
}

function nameDetail(wanted: WantedService, known: string[]): string {
  const { service, as, asked } = wanted
  const mode = service.deploy?.endpoint_mode
  const replicas = service.scale ?? service.deploy?.replicas ?? 1
  const what = as === 'service' ? 'the service' : `${as === 'alias' ? 'an' : 'a'} ${as} of ${service.name}`
  const answer =
    replicas < 2 || asked.endsWith(`-${replicas}`)
      ? ''
      : mode === 'dnsrr'
        ? `, answered with the addresses of ${replicas} replicas`
        : `, answered with one virtual address for ${replicas} replicas`
  return `is ${what}, known on ${listed(known)}${answer}`
}

/** Networks that could not be made, or whose drivers say otherwise. */
function makeable(report: Report, project: Project, key: string): void {
  const network = project.networks[key]!
  if (network.external) {
    report.skip('network', `network ${key}`, `is external (${network.name}), so that its options are not known`)
  }
  if (network.driver === 'overlay') {
    report.fail(
      'network',
      `network ${key}`,
      'has driver overlay, which needs a swarm',
      'no-network',
      `network ${key} cannot be made: driver overlay needs a swarm`,
      edit(project, `set networks.${key}.driver to bridge`),
    )
  }
}

function apart(report: Report, project: Project, source: Service, service: Service, keys: string[]): void {
  if (source === service) return
  const closed = keys.filter(key => isFalse(option(project.networks[key]!, 'enable_icc')))
  if (closed.length === 0) return
  const subject = closed.length > 1 ? 'networks' : `network ${closed[0]}`
  if (closed.length < keys.length) {
    report.warn(
      'filter',
      subject,
      `keeps its containers apart (enable_icc is false), so that only ${listed(keys.filter(key => !closed.includes(key)))} carries this`,
    )
    return
  }
  report.fail(
    'filter',
    subject,
    'keeps its containers apart: com.docker.network.bridge.enable_icc is false',
    'icc-disabled',
    `${source.name} and ${service.name} share ${listed(closed)}, which lets no container talk to another`,
    edit(project, `set com.docker.network.bridge.enable_icc to "true" in networks.${closed[0]}.driver_opts`),
  )
}

/** What the file tells of ports, which is a hint: whether something listens is known only when it runs. */
export function port(report: Report, wanted: WantedService): void {
  const { service, protocol } = wanted
  const inside = [
    ...service.ports.filter(one => one.protocol === protocol).map(one => one.target),
    ...service.expose.flatMap(one => {
      const [number, kind = 'tcp'] = one.split('/') as [string, string?]
      return kind === protocol ? [Number(number)] : []
    }),
  ]
  const subject = `port ${wanted.port}/${protocol}`
  if (wanted.port === 0) {
    const text =
      inside.length > 0 ? `the file names ${listed([...new Set(inside)].map(String))}` : 'the file names none'
    report.skip('port', 'port', `none was asked for; of ${service.name} ${text}`)
  } else if (inside.includes(wanted.port)) {
    report.ok('port', subject, `is one that ${service.name} exposes or publishes`)
  } else {
    const outer = service.ports.find(one => one.published === String(wanted.port) && one.protocol === protocol)
    if (outer) {
      report.warn(
        'port',
        subject,
        `is published on the host for port ${outer.target}: between containers ask for ${outer.target}`,
      )
    } else report.skip('port', subject, `is not in expose or ports of ${service.name}, which it need not be`)
  }
  report.skip('listener', 'listener', `whether ${service.name} listens is known only when it runs`)
}
