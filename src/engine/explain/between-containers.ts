import type { Report } from '#model/report.ts'
import type { Packet } from '#engine/networks/index.ts'
import type { ExplainOptions, Question } from './context.ts'
import { PROBE_TIMEOUT } from './context.ts'
import { replyTo, throughGates, type Gate } from './filters.ts'
import { judgeListener, openPorts } from './listener.ts'
import type { Attachment, ContainerParty } from './parties.ts'
import { resolveIn, type NameFacts } from './resolve.ts'
import { judgeConntrack, judgeSizes } from './sizes.ts'
import { sourceState, targetState } from './states.ts'
import { judgeNeighbour, judgeRoute, judgeWire, wireOf } from './wires.ts'

/** Any port above those that programs are started at. */
const SOME_PORT = 40_000

interface Shared {
  network: Attachment['network']
  source: Attachment
  target: Attachment
}

/** Container to container, over a network that both are on. @param asked the name or address that the user gave */
export async function betweenContainers(
  ctx: ExplainOptions,
  report: Report,
  source: ContainerParty,
  replicas: readonly ContainerParty[],
  question: Question,
): Promise<void> {
  const target = replicas.find(replica => replica.status === 'running') ?? replicas[0]!
  const sourceRuns = sourceState(report, source)
  const targetRuns = targetState(report, target)
  if (source.sandbox !== '' && source.sandbox === target.sandbox) {
    return sameNamespace(ctx, report, source, target, question)
  }
  const shared = sharedNetworks(source, target)
  if (!judgeNetworks(report, source, target, shared)) {
    if (targetRuns) await listens(ctx, report, target, target.attachments[0]?.endpoint.ipv4 ?? '', question)
    return
  }
  if (!sourceRuns || !targetRuns) return

  const name = nameFor(question.to, target)
  const facts = name === undefined ? undefined : await resolveIn(ctx, source, name)
  const chosen = facts ? judgeName(ctx, report, source, replicas, shared, facts) : addressOf(shared, question.to)
  const one =
    shared.find(way => way.target.endpoint.ipv4 === chosen || way.target.endpoint.ipv6 === chosen) ?? shared[0]!
  const address = one.target.endpoint.ipv4 || one.target.endpoint.ipv6
  const port = question.port || (await defaultPort(ctx, target, question))
  // First the real thing, so that what the kernel learns from it (neighbours) can be looked at.
  const probe =
    question.protocol === 'tcp' && port > 0 && source.status === 'running' && source.sandbox
      ? await ctx.inspector.connect(address, port, { timeoutMs: PROBE_TIMEOUT, sandbox: source.sandbox })
      : undefined
  await overWire(ctx, report, source, target, one, { ...question, port })
  await listens(ctx, report, target, address, { ...question, port })
  if (!probe) return
  const connection = `connection to ${address}:${port}`
  if (probe.outcome === 'connected') {
    report.ok('connection', connection, 'was made')
    report.relieve(STANDING)
  } else if (!report.failed) {
    report.undecided('connection', connection, `was not made: ${probe.errno}`)
  }
}

/** What a connection that works does not disprove. */
const STANDING = [
  'mtu-too-big',
  'dns-wrong-answer',
  'dns-server-dead',
  'dns-not-embedded',
  'name-unknown',
  'address-clash',
  'source-paused',
  'target-paused',
] as const

async function sameNamespace(
  ctx: ExplainOptions,
  report: Report,
  source: ContainerParty,
  target: ContainerParty,
  question: Question,
): Promise<void> {
  report.ok(
    'network',
    'networks',
    `${source.name} and ${target.name} share one network namespace: each is localhost to the other`,
  )
  const listeners = await ctx.inspector.listeners(source.sandbox)
  if (question.port > 0) judgeListener(report, listeners, { name: target.name, address: '127.0.0.1' }, question)
}

function sharedNetworks(source: ContainerParty, target: ContainerParty): Shared[] {
  return source.attachments.flatMap(one => {
    const other = target.attachments.find(attachment => attachment.network.id === one.network.id)
    return other && one.network.driver !== 'null' ? [{ network: one.network, source: one, target: other }] : []
  })
}

function judgeNetworks(report: Report, source: ContainerParty, target: ContainerParty, shared: Shared[]): boolean {
  const on = (party: ContainerParty) => {
    const names = party.attachments.map(one => one.network.name)
    return names.length > 0 ? names.join(', ') : 'no network'
  }
  for (const party of [source, target]) {
    if (party.attachments.some(one => one.network.driver !== 'null')) continue
    report.fail(
      'network',
      `networks of ${party.name}`,
      'it has nothing but its own loopback',
      'no-network',
      `${party.name} is on no network`,
      `berth network connect NETWORK ${party.name}`,
    )
    return false
  }
  if (shared.length === 0) {
    const wanted = target.attachments[0]!.network.name
    report.fail(
      'network',
      'networks',
      `${source.name} is on ${on(source)}, ${target.name} on ${on(target)}`,
      'no-shared-network',
      `${source.name} and ${target.name} share no network`,
      `berth network connect ${wanted} ${source.name}`,
    )
    return false
  }
  report.ok(
    'network',
    shared.length > 1 ? 'networks' : 'network',
    `both are on ${shared.map(one => one.network.name).join(', ')}`,
  )
  const apart = shared.filter(({ network }) =>
    /^(0|f|false)$/i.test(network.options['com.docker.network.bridge.enable_icc'] ?? ''),
  )
  if (apart.length > 0 && apart.length === shared.length) {
    report.fail(
      'filter',
      `network ${apart[0]!.network.name}`,
      'keeps its containers apart: com.docker.network.bridge.enable_icc is false',
      'icc-disabled',
      `network ${apart[0]!.network.name} lets no container talk to another (enable_icc is false)`,
      `berth network connect ANOTHER_NETWORK ${source.name} && berth network connect ANOTHER_NETWORK ${target.name}`,
    )
  }
  return true
}

/** The name that the source would ask for; undefined when the user gave an address. */
function nameFor(to: string, target: ContainerParty): string | undefined {
  if (/^[\d.]+$/.test(to) || to.includes(':')) return undefined
  if (to === target.id || target.id.startsWith(to)) return target.name
  return to.includes('/') ? to.split('/')[1] : to
}

const addressOf = (shared: Shared[], address: string): string | undefined =>
  shared.some(({ target }) => target.endpoint.ipv4 === address || target.endpoint.ipv6 === address)
    ? address
    : undefined

/** @returns the address that the source would go to, when it is right */
function judgeName(
  ctx: ExplainOptions,
  report: Report,
  source: ContainerParty,
  replicas: readonly ContainerParty[],
  shared: Shared[],
  facts: NameFacts,
): string | undefined {
  const { name, by, addresses, rcode, servers, embedded } = facts
  const subject = `name ${name}`
  const target = replicas[0]!
  const right = new Set(
    replicas.flatMap(replica =>
      sharedNetworks(source, replica).flatMap(({ target: { endpoint } }) => [endpoint.ipv4, endpoint.ipv6]),
    ),
  )
  const isRight = (address: string) =>
    right.has(address) ||
    shared.some(({ network }) =>
      ctx.networks.replicasBehind(network.id, address).some(id => replicas.some(one => one.id === id)),
    )
  if (addresses.length > 0) {
    const wrong = addresses.find(address => !isRight(address))
    if (wrong === undefined) {
      report.ok('name', subject, `is ${addresses.join(', ')}${by === 'hosts' ? ', from /etc/hosts' : ''}`)
      return addresses[0]
    }
    report.fail(
      'name',
      subject,
      `is ${wrong} by ${by === 'hosts' ? '/etc/hosts' : 'DNS'}, and ${target.name} is ${[...right].filter(Boolean).join(', ')}`,
      'dns-wrong-answer',
      `${source.name} takes ${name} for ${wrong}, which is not ${target.name}${by === 'hosts' ? ': its /etc/hosts says so' : ''}`,
      by === 'hosts' ? `berth exec ${source.name} sed -i '/${wrong}/d' /etc/hosts` : `berth restart ${source.name}`,
    )
    return undefined
  }
  const builtin = shared.every(({ network }) => network.builtin)
  if (!embedded) {
    report.fail(
      'name',
      subject,
      builtin
        ? 'the default network knows no names'
        : `/etc/resolv.conf names ${servers.join(', ') || 'no server'} and not 127.0.0.11`,
      'dns-not-embedded',
      builtin
        ? `${source.name} and ${target.name} are on the default network, which knows no names`
        : `${source.name} does not ask the engine's DNS: its /etc/resolv.conf names ${servers.join(', ') || 'no server'}`,
      builtin
        ? `berth network create NAME && berth network connect NAME ${source.name} && berth network connect NAME ${target.name}`
        : `berth restart ${source.name}`,
    )
  } else if (rcode === '') {
    report.fail(
      'name',
      subject,
      `no answer from ${servers.join(', ')}`,
      'dns-server-dead',
      `the DNS server of ${source.name} (${servers.join(', ')}) does not answer`,
      `berth restart ${source.name}`,
    )
  } else {
    report.fail(
      'name',
      subject,
      `the answer is ${rcode}`,
      'name-unknown',
      `no container on the networks of ${source.name} has the name ${name}`,
      `berth network connect --alias ${name} ${shared[0]!.network.name} ${target.name}`,
    )
  }
  return undefined
}

async function defaultPort(ctx: ExplainOptions, target: ContainerParty, { protocol }: Question): Promise<number> {
  if (target.sandbox === '') return 0
  const listening = openPorts(await ctx.inspector.listeners(target.sandbox), protocol)
  const exposed = Object.keys(target.record.config.ExposedPorts ?? {}).flatMap(text => {
    const [port, kind = 'tcp'] = text.split('/')
    return kind === protocol ? [Number(port)] : []
  })
  return exposed.find(port => listening.includes(port)) ?? listening[0] ?? exposed[0] ?? 0
}

async function listens(
  ctx: ExplainOptions,
  report: Report,
  target: ContainerParty,
  address: string,
  question: Question,
): Promise<void> {
  const listeners = await ctx.inspector.listeners(target.sandbox)
  if (question.port > 0) return judgeListener(report, listeners, { name: target.name, address }, question)
  const ports = openPorts(listeners, question.protocol)
  if (ports.length > 0) report.ok('listener', `ports in ${target.name}`, `listens at ${ports.join(', ')}`)
  else
    report.fail(
      'listener',
      `ports in ${target.name}`,
      'nothing listens',
      'not-listening',
      `nothing in ${target.name} listens`,
      `berth logs ${target.name}`,
    )
}

/** Everything below the names: wires, routes, neighbours, packet filters, tracking, sizes. */
async function overWire(
  ctx: ExplainOptions,
  report: Report,
  source: ContainerParty,
  target: ContainerParty,
  { network, ...ends }: Shared,
  question: Question,
): Promise<void> {
  const [from, to] = [ends.source.endpoint, ends.target.endpoint]
  const [a, b] = [from.ipv4 && to.ipv4 ? from.ipv4 : from.ipv6, from.ipv4 && to.ipv4 ? to.ipv4 : to.ipv6]
  const [sourceWire, targetWire] = await Promise.all([
    wireOf(ctx, source, ends.source),
    wireOf(ctx, target, ends.target),
  ])
  const whole = [sourceWire, targetWire].map(wire => judgeWire(report, wire)).every(Boolean)
  if (!sourceWire.inside || !targetWire.inside || !whole) return
  const routes = await Promise.all([
    ctx.inspector.routeTo(b, { sandbox: source.sandbox! }),
    ctx.inspector.routeTo(a, { sandbox: target.sandbox! }),
  ])
  judgeRoute(report, routes[0], { owner: source.name, to: target.name, address: b, device: sourceWire.inside.name })
  judgeRoute(report, routes[1], { owner: target.name, to: source.name, address: a, device: targetWire.inside.name })
  const neighbours = await ctx.links.neighbours(sourceWire.inside.name, source.sandbox)
  const neighbour = neighbours.find(one => one.address === b)
  judgeNeighbour(report, neighbour, { owner: source.name, name: target.name, address: b, mac: to.mac })

  const packet: Packet = {
    family: b.includes(':') ? 6 : 4,
    protocol: question.protocol,
    source: a,
    destination: b,
    sourcePort: SOME_PORT,
    ...(question.port > 0 && { destinationPort: question.port }),
    state: 'new',
    dnat: false,
    toLocal: false,
  }
  const gates = bridgeGates(ctx, source, target, packet, {
    sourceDevice: sourceWire.inside.name,
    targetDevice: targetWire.inside.name,
    bridge: network.bridgeName,
    sourcePort: sourceWire.outsideName,
    targetPort: targetWire.outsideName,
  })
  await throughGates(ctx, report, gates)
  judgeConntrack(ctx, report, 'the host')
  judgeConntrack(ctx, report, source.name, source.sandbox)
  judgeConntrack(ctx, report, target.name, target.sandbox)
  const links = [sourceWire, targetWire].flatMap(({ inside, outside, bridge, owner }) => [
    { name: `${inside!.name} in ${owner}`, mtu: inside!.mtu },
    ...(outside ? [{ name: outside.name, mtu: outside.mtu }] : []),
    ...(bridge ? [{ name: bridge.name, mtu: bridge.mtu }] : []),
  ])
  if (source.status !== 'running') return
  await judgeSizes(
    ctx,
    report,
    { from: source.name, sandbox: source.sandbox, to: target.name, address: b, mtu: sourceWire.inside.mtu },
    links,
  )
}

/** Bridged packets meet the tables of the network layer only where br_netfilter hands them up. */
function bridgeGates(
  ctx: ExplainOptions,
  source: ContainerParty,
  target: ContainerParty,
  packet: Packet,
  names: { sourceDevice: string; targetDevice: string; bridge: string; sourcePort: string; targetPort: string },
): Gate[] {
  const gates: Gate[] = []
  const add = (sandbox: string | undefined, where: string, hook: Gate['hook'], one: Packet, families?: string[]) =>
    gates.push({ ...(sandbox !== undefined && { sandbox }), where, hook, packet: one, ...(families && { families }) })
  const handedUp = ctx.inspector.sysctl('net.bridge.bridge-nf-call-iptables') === '1'
  for (const [one, from, to, fromDevice, toDevice] of [
    [packet, source, target, names.sourceDevice, names.targetDevice],
    [replyTo(packet), target, source, names.targetDevice, names.sourceDevice],
  ] as const) {
    add(from.sandbox, from.name, 'output', { ...one, oif: fromDevice })
    if (names.bridge !== '') {
      const forth = from === source
      const ports = forth ? [names.sourcePort, names.targetPort] : [names.targetPort, names.sourcePort]
      for (const hook of ['prerouting', 'forward', 'postrouting'] as const) {
        add(undefined, 'the host', hook, { ...one, iif: ports[0]!, ...(hook !== 'prerouting' && { oif: ports[1]! }) }, [
          'bridge',
        ])
      }
      if (handedUp) {
        const bridged = { ...one, iif: names.bridge }
        add(undefined, 'the host', 'prerouting', bridged)
        add(undefined, 'the host', 'forward', { ...bridged, oif: names.bridge })
      }
    }
    add(to.sandbox, to.name, 'input', { ...one, iif: toDevice, toLocal: true })
  }
  return gates
}
