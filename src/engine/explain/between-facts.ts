import { PROJECT_LABEL, SERVICE_LABEL } from '#model/compose-labels.ts'
import type { ProbeResult, RouteAnswer, Listener } from '#ports/inspector.ts'
import type { ExplainOptions, Question } from './context.ts'
import { PROBE_TIMEOUT } from './context.ts'
import { lookAtFilters, type FilterFacts } from './filters.ts'
import { openPorts } from './listener.ts'
import type { Attachment, ContainerParty } from './parties.ts'
import { resolveIn, type NameFacts } from './resolve.ts'
import { lookAtSizes, lookAtTracking, type SizeFacts, type TrackingFacts } from './sizes.ts'
import { wireOf, type NeighbourFacts, type Wire } from './wires.ts'

/** Milliseconds in which every owner of an address on a bridge answers for it. */
const ARP_TIMEOUT = 150

/** A network that both are on. */
export interface Shared {
  network: Attachment['network']
  source: Attachment
  target: Attachment
}

/** What was seen of the way between two containers. Everything that decides is here, so that a test can write it. */
export interface BetweenFacts {
  source: ContainerParty
  target: ContainerParty
  /** The port that is tried; 0 when the target has none. */
  port: number
  protocol: 'tcp' | 'udp'
  shared: readonly Shared[]
  /** Look-up of the name in the source; undefined when an address was asked for or nobody could look. */
  name?: NameFacts
  /** Every address that stands for the target. */
  right: readonly string[]
  /** Containers that have the asked name on other networks. */
  elsewhere: readonly { container: string; network: string }[]
  /** The target's health check fails, and its service gets on without it. */
  leftOut: boolean
  /** What is known of the wire between them; undefined when one of them does not run. */
  way?: WayFacts
  /** Of the target; undefined when it does not run. */
  listeners?: readonly Listener[]
}

export interface WayFacts {
  on: Shared
  /** Own addresses of both. */
  from: string
  to: string
  /** What the source sends to: the target's own address, or that of its service. */
  asked: string
  sourceWire: Wire
  targetWire: Wire
  routes: { there: RouteAnswer; back: RouteAnswer }
  /** Effective rp_filter of the interfaces that packets arrive by: 1 is strict. */
  strict: { source: boolean; target: boolean }
  neighbour: NeighbourFacts
  filters: FilterFacts
  /** br_netfilter hands bridged packets up to the tables of the network layer. */
  handedUp: boolean
  tracking: readonly TrackingFacts[]
  sizes?: SizeFacts
  /** A real connection, for TCP with a port. */
  probe?: ProbeResult
}

export function sharedNetworks(source: ContainerParty, target: ContainerParty): Shared[] {
  return source.attachments.flatMap(one => {
    const other = target.attachments.find(attachment => attachment.network.id === one.network.id)
    return other && one.network.driver !== 'null' ? [{ network: one.network, source: one, target: other }] : []
  })
}

/** Looks at everything between two containers, and tries it. @param replicas who is meant: one, or those of a service */
export async function lookBetween(
  ctx: ExplainOptions,
  source: ContainerParty,
  replicas: readonly ContainerParty[],
  question: Question,
): Promise<BetweenFacts> {
  const behind = (address: string) =>
    source.attachments.flatMap(({ network }) => ctx.networks.replicasBehind(network.id, address))
  const name = nameFor(question.to, replicas)
  // A container has names only while it runs, and only for those on its networks.
  const named = replicas.some(one => one.pid > 0 && sharedNetworks(source, one).length > 0)
  const resolved = name !== undefined && source.pid > 0 && named ? await resolveIn(ctx, source, name) : undefined
  const right = rightAddresses(source, replicas, resolved?.addresses ?? [], behind)
  const chosen = name === undefined ? question.to : resolved?.addresses.find(address => right.includes(address))
  const target = chooseTarget(source, replicas, chosen === undefined ? [] : behind(chosen), chosen)
  const shared = sharedNetworks(source, target)
  const listeners =
    target.sandbox === '' || target.pid === 0 ? undefined : await ctx.inspector.listeners(target.sandbox)
  const port = question.port || defaultPort(target, listeners ?? [], question.protocol)
  const facts: BetweenFacts = {
    source,
    target,
    port,
    protocol: question.protocol,
    shared,
    ...(resolved && { name: resolved }),
    right,
    elsewhere: name === undefined ? [] : elsewhere(ctx, source, name),
    leftOut: leftOut(ctx, target, shared),
    ...(listeners && { listeners }),
  }
  const on = shared.find(one => ownAddresses(one.target).includes(chosen ?? '')) ?? shared[0]
  if (!on || source.pid === 0 || target.pid === 0 || !source.sandbox || !target.sandbox) return facts
  if (source.sandbox === target.sandbox) return facts
  return { ...facts, way: await lookAtWay(ctx, facts, on, chosen) }
}

async function lookAtWay(
  ctx: ExplainOptions,
  { source, target, port, protocol }: BetweenFacts,
  on: Shared,
  chosen: string | undefined,
): Promise<WayFacts> {
  const inside = { sandbox: source.sandbox! }
  const [here, there] = [on.source.endpoint, on.target.endpoint]
  const six = chosen === undefined ? !(here.ipv4 && there.ipv4) : chosen.includes(':')
  const [from, to] = six ? [here.ipv6, there.ipv6] : [here.ipv4, there.ipv4]
  const asked = chosen ?? to
  const [sourceWire, targetWire] = await Promise.all([wireOf(ctx, source, on.source), wireOf(ctx, target, on.target)])
  const probing =
    protocol === 'tcp' && port > 0
      ? ctx.inspector.connect(asked, port, { timeoutMs: PROBE_TIMEOUT, ...inside })
      : Promise.resolve(undefined)
  const { inside: device } = sourceWire
  const [probe, sizes, answers, filters, routeThere, routeBack] = await Promise.all([
    probing,
    // What both ends take is what they agree on: TCP's segment size, and a smaller MTU of the target is no black hole.
    device?.up
      ? lookAtSizes(ctx, to, Math.min(device.mtu, targetWire.inside?.mtu ?? device.mtu), source.sandbox)
      : undefined,
    device?.up && !six && on.network.bridgeName !== ''
      ? ctx.inspector.whoHas(to, {
          device: device.name,
          mac: device.mac,
          source: from,
          timeoutMs: ARP_TIMEOUT,
          ...inside,
        })
      : undefined,
    lookAtFilters(ctx, [undefined, source.sandbox, target.sandbox], source),
    ctx.inspector.routeTo(to, inside),
    ctx.inspector.routeTo(from, { sandbox: target.sandbox! }),
  ])
  // Only now, so that what the kernel learns from the connection can be seen.
  const neighbours = device ? await ctx.links.neighbours(device.name, source.sandbox) : []
  return {
    on,
    from,
    to,
    asked,
    sourceWire,
    targetWire,
    routes: { there: routeThere, back: routeBack },
    strict: {
      source: isStrict(ctx, sourceWire, source.sandbox!),
      target: isStrict(ctx, targetWire, target.sandbox!),
    },
    neighbour: { entry: neighbours.find(one => one.address === to), answers },
    filters,
    handedUp: ctx.inspector.sysctl('net.bridge.bridge-nf-call-iptables') === '1',
    tracking: [
      ...lookAtTracking(ctx, source.name, source.sandbox),
      ...lookAtTracking(ctx, 'the host'),
      ...lookAtTracking(ctx, target.name, target.sandbox),
    ],
    ...(sizes && { sizes }),
    ...(probe && { probe }),
  }
}

/** rp_filter as ip-sysctl(7) has it: the larger of the device's and that of all. */
function isStrict(ctx: ExplainOptions, { inside }: Wire, sandbox: string): boolean {
  const of = (name: string) => Number(ctx.inspector.sysctl(`net.ipv4.conf.${name}.rp_filter`, sandbox) ?? 0)
  return inside !== undefined && Math.max(of('all'), of(inside.name)) === 1
}

export const ownAddresses = ({ endpoint }: Attachment): string[] =>
  [endpoint.ipv4, endpoint.ipv6].filter(address => address !== '')

/** The name that the source would ask for; undefined when the user gave an address. */
function nameFor(to: string, [target]: readonly ContainerParty[]): string | undefined {
  if (/^[\d.]+$/.test(to) || to.includes(':')) return undefined
  if (target && to !== target.name && target.id.startsWith(to)) return target.name
  const { [PROJECT_LABEL]: project, [SERVICE_LABEL]: service } = target?.record.config.Labels ?? {}
  return service !== undefined && [`${project}/${service}`, `${project}_${service}`].includes(to) ? service : to
}

function rightAddresses(
  source: ContainerParty,
  replicas: readonly ContainerParty[],
  answered: readonly string[],
  behind: (address: string) => string[],
): string[] {
  const own = replicas.flatMap(replica => sharedNetworks(source, replica).flatMap(one => ownAddresses(one.target)))
  const ids = new Set(replicas.map(replica => replica.id))
  return [...own, ...answered.filter(address => behind(address).some(id => ids.has(id)))]
}

/** Of several replicas the one that the connection would get to. */
function chooseTarget(
  source: ContainerParty,
  replicas: readonly ContainerParty[],
  behind: readonly string[],
  chosen: string | undefined,
): ContainerParty {
  return (
    replicas.find(replica => behind.includes(replica.id)) ??
    replicas.find(replica =>
      sharedNetworks(source, replica).some(one => ownAddresses(one.target).includes(chosen ?? '')),
    ) ??
    replicas.find(replica => replica.status === 'running') ??
    replicas[0]!
  )
}

/** Containers that have the name on networks that the source is not on. */
export function elsewhere(ctx: ExplainOptions, source: ContainerParty, name: string) {
  const mine = new Set(source.attachments.map(one => one.network.id))
  return ctx.networks
    .list(new Map())
    .filter(network => !mine.has(network.id))
    .flatMap(network =>
      ctx.networks
        .attached(network.id)
        .filter(({ endpoint }) => endpoint.dnsNames.includes(name))
        .map(({ containerName }) => ({ container: containerName, network: network.name })),
    )
}

function leftOut(ctx: ExplainOptions, target: ContainerParty, shared: readonly Shared[]): boolean {
  const { state } = target.record
  if (!('health' in state) || state.health?.Status !== 'unhealthy') return false
  return shared.some(({ network }) => ctx.networks.leftOut(network.id, target.id))
}

function defaultPort(target: ContainerParty, listeners: readonly Listener[], protocol: 'tcp' | 'udp'): number {
  const listening = openPorts(listeners, protocol)
  const exposed = Object.keys(target.record.config.ExposedPorts ?? {}).flatMap(text => {
    const [port, kind = 'tcp'] = text.split('/')
    return kind === protocol ? [Number(port)] : []
  })
  return exposed.find(port => listening.includes(port)) ?? listening[0] ?? exposed[0] ?? 0
}
