import { notFound } from '#lib/errors.ts'
import type { Explanation } from '#model/explain.ts'
import type { Project, Service } from '../project.ts'
import { fromOutside } from './from-outside.ts'
import { HOST, INTERNET, resolve } from './names.ts'
import { edit, listed, placeOf, replicasOf } from './places.ts'
import { Report } from '#model/report.ts'
import { toHost } from './to-host.ts'
import { toOutside } from './to-outside.ts'
import { toService } from './to-service.ts'

export interface Question {
  /** A service, `host` or `internet`. */
  from: string
  /** Also an alias, a container's name, an address or a name of the world's. */
  to: string
  /** 0 for any. */
  port: number
  protocol: 'tcp' | 'udp'
}

/**
 * Says from a project alone, with nothing running, whether one party would reach another. Pure.
 * @param project with the services that profiles keep out too, where the question is about one
 * @param disabled services that no profile in use enables
 * @throws not-found when `from` is nobody
 */
export function explain(project: Project, question: Question, disabled: readonly string[] = []): Explanation {
  const { from, to, port, protocol } = question
  const report = new Report()
  const source = project.services[from]
  if (!source && from !== HOST && from !== INTERNET) {
    throw notFound(`no such service: ${from}: ask from a service of the file, "${HOST}" or "${INTERNET}"`)
  }
  if (source) present(report, project, source, disabled, 'source')
  else report.ok('source', from === HOST ? 'the host' : 'another machine', 'asks')

  const target = resolve(project, source, to)
  if (target.kind === 'nobody') {
    report.fail(
      'name',
      `name ${to}`,
      `is no service, alias or container of the project, which has ${listed(target.known)}`,
      'target-not-found',
      `nothing in the project is called ${to}`,
      edit(project, `name the target as one of ${listed(target.known, 'or')}, or give it the alias ${to}`),
    )
  } else if (target.kind === 'service') {
    present(report, project, target.service, disabled, 'target')
    const wanted = { ...target, asked: to, port, protocol }
    if (source) toService(report, project, source, wanted)
    else fromOutside(report, project, from as 'host' | 'internet', wanted)
  } else if (target.kind === 'host') {
    if (source) toHost(report, project, source, { asked: to, port, protocol })
    else report.undecided('network', 'the host', 'is reached as its own network and firewall say, which no file tells')
  } else if (source) {
    const named = target.kind === 'outside' ? { name: target.name } : {}
    const numbered = target.kind === 'address' ? { address: target.address } : {}
    toOutside(report, project, source, { ...named, ...numbered, port, protocol })
  } else {
    report.undecided('route', 'outside', `is reached as the network of ${from} says, which no file tells`)
  }
  return report.explanation(question)
}

function present(
  report: Report,
  project: Project,
  service: Service,
  disabled: readonly string[],
  role: 'source' | 'target',
): void {
  const { name, profiles } = service
  const subject = `service ${name}`
  if (disabled.includes(name)) {
    report.fail(
      role,
      subject,
      `is kept out by its ${profiles.length > 1 ? 'profiles' : 'profile'} ${listed(profiles, 'or')}`,
      `${role}-not-running`,
      `${name} is not started: it needs profile ${listed(profiles, 'or')}`,
      `berth compose --profile ${profiles[0]} up -d ${name}`,
    )
  } else if (replicasOf(service) === 0) {
    report.fail(
      role,
      subject,
      'has no replicas',
      `${role}-not-running`,
      `${name} is scaled to 0`,
      `berth compose up -d --scale ${name}=1`,
    )
  } else report.ok(role, subject, standing(project, service))
}

function standing(project: Project, service: Service): string {
  const { place, owner } = placeOf(project, service)
  const where = owner === service ? '' : `shares the network of ${owner.name}, `
  const count = replicasOf(service)
  const replicas = count > 1 ? ` (${count} replicas)` : ''
  switch (place.kind) {
    case 'networks':
      return `${where}is on ${listed(place.keys)}${replicas}`
    case 'other':
      return `${where}is on network ${place.name}, which the file does not define${replicas}`
    case 'host':
      return `${where}uses the host's network${replicas}`
    case 'none':
      return `${where}has no network${replicas}`
    case 'container':
      return `${where}shares the network of container ${place.name}, which the file does not define${replicas}`
  }
}
