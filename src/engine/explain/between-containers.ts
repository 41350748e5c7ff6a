import type { CauseCode } from '#model/explain.ts'
import type { Report } from '#model/report.ts'
import { filterAt, type Packet } from '#engine/networks/index.ts'
import type { BetweenFacts, Shared, WayFacts } from './between-facts.ts'
import { replyTo, throughGates, type Gate } from './filters.ts'
import { judgeListener, openPorts } from './listener.ts'
import { judgeName } from './names.ts'
import type { ContainerParty } from './parties.ts'
import { judgeSizes, judgeTracking } from './sizes.ts'
import { sourceState, targetState } from './states.ts'
import { judgeAddresses, judgeNeighbour, judgeRoute, judgeWire } from './wires.ts'

/** Any port above those that programs are started at. */
const SOME_PORT = 40_000

/** What a connection that works does not disprove. */
export const STANDING: readonly CauseCode[] = [
  'mtu-too-big',
  'dns-wrong-answer',
  'dns-server-dead',
  'dns-not-embedded',
  'name-unknown',
  'target-not-found',
  'address-clash',
  'source-paused',
  'target-paused',
  'target-unhealthy',
]

/** Container to container, in the order in which packets meet things. Pure. */
export function judgeBetween(report: Report, facts: BetweenFacts): void {
  const { source, target, shared, way } = facts
  sourceState(report, source)
  targetState(report, target)
  if (facts.leftOut) {
    report.fail(
      'target',
      `health of ${target.name}`,
      'its health check fails',
      'target-unhealthy',
      `${target.name} is unhealthy, so that nothing that is sent to its service gets to it`,
      `berth inspect -f '{{json .State.Health}}' ${target.name}`,
    )
  }
  if (source.pid > 0 && source.sandbox === target.sandbox) {
    report.ok('network', 'networks', `${source.name} and ${target.name} share one network: it is localhost there`)
    return listens(report, facts, '127.0.0.1')
  }
  const met = judgeNetworks(report, source, target, shared)
  if (facts.name && met) {
    judgeName(report, facts.name, {
      source: source.name,
      target: target.name,
      right: facts.right,
      sharesWith: target.sharesWith ?? '',
      nameless: shared.every(one => one.network.builtin),
      network: shared[0]?.network.name ?? '',
      elsewhere: facts.elsewhere,
    })
  }
  const whole = way === undefined || overWire(report, facts, way)
  listens(report, facts, way?.to ?? target.attachments[0]?.endpoint.ipv4 ?? '')
  if (way) connection(report, facts, way, whole)
}

function connection(report: Report, { port }: BetweenFacts, way: WayFacts, whole: boolean): void {
  const { probe, asked, sizes } = way
  if (!probe) {
    // Without a handshake an answered echo is the most that can be had.
    if (port === 0 && sizes?.small) report.relieve([...STANDING, 'not-listening'])
    if (!report.failed && !whole) nobodyAnswers(report, way)
    return
  }
  const subject = `connection to ${asked}:${port}`
  if (probe.outcome === 'connected') {
    report.ok('connection', subject, 'was made')
    return report.relieve(STANDING)
  }
  if (report.failed) return report.skip('connection', subject, `was not made: ${probe.errno}`)
  if (!whole) return nobodyAnswers(report, way)
  report.undecided('connection', subject, `was not made: ${probe.errno}`)
}

function nobodyAnswers(report: Report, { on, to }: WayFacts): void {
  report.fail(
    'neighbour',
    `neighbour ${to}`,
    'nobody answers for it',
    'neighbour-failed',
    `nobody on network ${on.network.name} answers for ${to}`,
    '',
  )
}

function judgeNetworks(
  report: Report,
  source: ContainerParty,
  target: ContainerParty,
  shared: readonly Shared[],
): boolean {
  const on = (party: ContainerParty) => party.attachments.map(one => one.network.name).join(', ') || 'no network'
  for (const party of [source, target]) {
    if (party.attachments.some(one => one.network.driver !== 'null')) continue
    const other = party === source ? target : source
    const network = other.attachments.find(one => !one.network.builtin)?.network.name ?? 'NETWORK'
    report.fail(
      'network',
      `networks of ${party.name}`,
      'it has nothing but its own loopback',
      'no-network',
      `${party.name} is on no network`,
      `berth network connect ${network} ${party.name}`,
    )
    return false
  }
  if (shared.length === 0) {
    report.fail(
      'network',
      'networks',
      `${source.name} is on ${on(source)}, ${target.name} on ${on(target)}`,
      'no-shared-network',
      `${source.name} and ${target.name} share no network`,
      `berth network connect ${target.attachments[0]!.network.name} ${source.name}`,
    )
    return false
  }
  report.ok(
    'network',
    shared.length > 1 ? 'networks' : 'network',
    `both are on ${shared.map(one => one.network.name).join(', ')}`,
  )
  return true
}

/** Wires, routes, neighbours, packet filters, tracking, sizes. @returns false when nobody answers for the address */
function overWire(report: Report, facts: BetweenFacts, way: WayFacts): boolean {
  const { source, target } = facts
  const { on, from, to, sourceWire, targetWire, routes, strict } = way
  let answered = true
  judgeWire(report, sourceWire)
  if (judgeAddresses(report, sourceWire) && sourceWire.inside?.up) {
    const device = sourceWire.inside.name
    judgeRoute(report, routes.there, { owner: source.name, to: target.name, address: to, device })
    answered = judgeNeighbour(report, way.neighbour, {
      owner: source.name,
      name: target.name,
      address: to,
      mac: on.target.endpoint.mac,
      macs: targetWire.macs,
      device,
    })
  }
  judgeIcc(report, facts, way)
  const gates = bridgeGates(facts, way)
  const told = new Set<string>()
  throughGates(report, way.filters, gates.there, told)
  judgeServiceAddress(report, facts, way)
  judgeWire(report, targetWire)
  if (judgeAddresses(report, targetWire) && targetWire.inside?.up) {
    const device = targetWire.inside.name
    const { back } = routes
    if (strict.target && back.kind === 'unicast' && back.device !== device) {
      report.fail(
        'route',
        `reverse path in ${target.name}`,
        `rp_filter is strict, and the way back to ${from} leads through ${back.device}`,
        'rp-filter',
        `${target.name} drops what comes from ${from} by ${device}: rp_filter is strict, and its route back leads through ${back.device}`,
        `nsenter -t $(berth inspect -f '{{.State.Pid}}' ${target.name}) -n sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.${device}.rp_filter=2`,
      )
    } else judgeRoute(report, back, { owner: target.name, to: source.name, address: from, device })
  }
  throughGates(report, way.filters, gates.back, told)
  for (const table of way.tracking) judgeTracking(report, table)
  if (way.sizes && source.status === 'running') sizes(report, facts, way)
  return answered
}

/** A service's own address leads to a replica by rules in the network of whoever asks. */
function judgeServiceAddress(report: Report, facts: BetweenFacts, { asked, to, filters, sourceWire }: WayFacts): void {
  const { source, target, port, protocol } = facts
  if (asked === to) return
  const subject = `address ${asked} of a service`
  const { dnat } = filterAt(filters.rulesets.get(source.sandbox!)!, 'output', {
    family: asked.includes(':') ? 6 : 4,
    protocol,
    source: sourceWire.wanted[0] ?? '',
    destination: asked,
    ...(port > 0 && { destinationPort: port }),
    state: 'new',
    dnat: false,
    toLocal: false,
  })
  if (dnat) return report.ok('nat', subject, 'is led to its replicas')
  report.fail(
    'nat',
    subject,
    `no rule in ${source.name} leads it to a replica`,
    'filter-missing',
    `the rules in ${source.name} that lead ${asked} to the replicas of the service of ${target.name} were removed`,
    `berth restart ${source.name}`,
  )
}

function sizes(report: Report, { source, target }: BetweenFacts, { sizes, sourceWire, targetWire }: WayFacts): void {
  const ends = [sourceWire, targetWire].flatMap(({ inside, outside, owner }) => [
    ...(inside ? [{ name: `${inside.name} in ${owner}`, mtu: inside.mtu, where: 'container' as const }] : []),
    ...(outside ? [{ name: outside.name, mtu: outside.mtu, where: 'host' as const }] : []),
  ])
  // The kernel gives a bridge the smallest MTU of its ports: the port is the cause then.
  const { bridge } = sourceWire
  const links = bridge ? [...ends, { name: bridge.name, mtu: bridge.mtu, where: 'host' as const }] : ends
  judgeSizes(report, sizes!, { from: source.name, to: target.name }, links)
}

function judgeIcc(report: Report, { source, target }: BetweenFacts, { on: { network } }: WayFacts): void {
  if (!/^(0|f|false)$/i.test(network.options['com.docker.network.bridge.enable_icc'] ?? '')) return
  report.fail(
    'filter',
    `network ${network.name}`,
    'keeps its containers apart: com.docker.network.bridge.enable_icc is false',
    'icc-disabled',
    `${source.name} and ${target.name} share ${network.name}, which lets no container talk to another`,
    `berth network create OPEN && berth network connect OPEN ${source.name} && berth network connect OPEN ${target.name}`,
  )
}

/** Bridged packets meet the tables of the network layer only where br_netfilter hands them up. */
function bridgeGates(facts: BetweenFacts, way: WayFacts): { there: Gate[]; back: Gate[] } {
  const { source, target, port, protocol } = facts
  const first: Packet = {
    family: way.to.includes(':') ? 6 : 4,
    protocol,
    source: way.from,
    destination: way.to,
    sourcePort: SOME_PORT,
    ...(port > 0 && { destinationPort: port }),
    state: 'new',
    dnat: way.asked !== way.to,
    toLocal: false,
  }
  const here = { party: source, wire: way.sourceWire }
  const there = { party: target, wire: way.targetWire }
  return { there: oneWay(way, first, here, there), back: oneWay(way, replyTo(first), there, here) }
}

interface End {
  party: ContainerParty
  wire: WayFacts['sourceWire']
}

function oneWay({ handedUp }: WayFacts, packet: Packet, from: End, to: End): Gate[] {
  const inside = (end: End) => end.wire.inside?.name ?? 'eth0'
  const gates: Gate[] = [
    {
      sandbox: from.party.sandbox!,
      where: from.party.name,
      hook: 'output',
      packet: { ...packet, oif: inside(from) },
    },
  ]
  const { bridgeName } = from.wire
  if (bridgeName !== '') {
    const [iif, oif] = [from.wire.outsideName, to.wire.outsideName]
    for (const hook of ['prerouting', 'forward', 'postrouting'] as const) {
      const seen = { ...packet, ...(hook !== 'postrouting' && { iif }), ...(hook !== 'prerouting' && { oif }) }
      gates.push({ where: 'the host', hook, packet: seen, families: ['bridge'] })
    }
    if (handedUp) {
      const bridged = { ...packet, iif: bridgeName }
      gates.push({ where: 'the host', hook: 'prerouting', packet: bridged })
      gates.push({ where: 'the host', hook: 'forward', packet: { ...bridged, oif: bridgeName } })
    }
  }
  const arriving = { ...packet, iif: inside(to), toLocal: true }
  gates.push({ sandbox: to.party.sandbox!, where: to.party.name, hook: 'prerouting', packet: arriving })
  gates.push({ sandbox: to.party.sandbox!, where: to.party.name, hook: 'input', packet: arriving })
  return gates
}

function listens(report: Report, { target, listeners, port, protocol }: BetweenFacts, address: string): void {
  if (!listeners) return
  if (port > 0) return judgeListener(report, listeners, { name: target.name, address }, { port, protocol })
  const ports = openPorts(listeners, protocol)
  if (ports.length > 0) report.ok('listener', `ports in ${target.name}`, `listens at ${ports.join(', ')}`)
  else report.skip('listener', `ports in ${target.name}`, 'nothing listens, and no port was asked for')
}
