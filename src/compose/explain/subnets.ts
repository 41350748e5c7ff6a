import type { Project, Service } from '../project.ts'
import { covers } from './egress.ts'
import { edit, listed, replicasOf } from './places.ts'
import type { Report } from '#model/report.ts'

/** What the engine would refuse when it makes these networks and puts these services on them. */
export function checkAddresses(report: Report, project: Project, keys: readonly string[], services: Service[]): void {
  for (const key of keys) overlaps(report, project, key)
  for (const key of keys) clashes(report, project, key, services)
  for (const service of services) {
    for (const key of keys) if (service.networks[key]) outside(report, project, key, service)
  }
}

const subnetsOf = (project: Project, key: string): string[] =>
  (project.networks[key]!.ipam?.config ?? []).flatMap(pool => (pool.subnet ? [pool.subnet] : []))

const base = (subnet: string): string => subnet.split('/')[0]!

function overlaps(report: Report, project: Project, key: string): void {
  const networks = Object.keys(project.networks).filter(other => other !== key && !project.networks[other]!.external)
  for (const other of networks) {
    for (const mine of subnetsOf(project, key)) {
      for (const its of subnetsOf(project, other)) {
        if (!covers(mine, base(its)) && !covers(its, base(mine))) continue
        report.fail(
          'address',
          `subnet ${mine}`,
          `of network ${key} overlaps ${its} of network ${other}: only one of them can be made`,
          'subnet-overlap',
          `subnet ${mine} of network ${key} overlaps subnet ${its} of network ${other}`,
          edit(project, `give networks.${key}.ipam.config a subnet that overlaps no other`),
        )
        return
      }
    }
  }
}

function clashes(report: Report, project: Project, key: string, asked: readonly Service[]): void {
  const holders = new Map<string, string[]>()
  for (const service of Object.values(project.services)) {
    const { ipv4_address, ipv6_address } = service.networks[key] ?? {}
    for (const address of [ipv4_address, ipv6_address]) {
      if (!address) continue
      const count = Math.max(1, replicasOf(service))
      const list = holders.get(address) ?? []
      holders.set(address, [...list, ...Array.from({ length: count }, () => service.name)])
    }
  }
  for (const [address, names] of holders) {
    if (names.length < 2 || !asked.some(service => names.includes(service.name))) continue
    const who = new Set(names)
    const text =
      who.size > 1 ? `${listed([...who])} both ask` : `each of the ${names.length} replicas of ${names[0]} asks`
    report.fail(
      'address',
      `address ${address}`,
      `${text} for it on network ${key}`,
      'address-clash',
      `address ${address} on network ${key} is asked for more than once, by ${listed([...who])}`,
      edit(project, `give each its own ipv4_address on network ${key}, or none`),
    )
  }
}

function outside(report: Report, project: Project, key: string, service: Service): void {
  const subnets = subnetsOf(project, key)
  const { ipv4_address, ipv6_address } = service.networks[key]!
  for (const address of [ipv4_address, ipv6_address]) {
    if (!address || project.networks[key]!.external || subnets.some(subnet => covers(subnet, address))) continue
    const summary =
      subnets.length === 0
        ? `${service.name} asks for address ${address} on network ${key}, which has no subnet of its own choosing`
        : `${service.name} asks for address ${address}, which is not in subnet ${listed(subnets, 'or')} of network ${key}`
    report.fail(
      ...(['address', `address ${address}`, summary, 'no-address', summary] as const),
      edit(project, `give networks.${key}.ipam.config a subnet that holds ${address}`),
    )
  }
}
