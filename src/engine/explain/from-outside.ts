import type { Report } from '#model/report.ts'
import { filterAt, type Packet } from '#engine/networks/index.ts'
import type { ExplainOptions, Question } from './context.ts'
import { PROBE_TIMEOUT } from './context.ts'
import { lookAtFilters, replyTo, throughGates } from './filters.ts'
import { isLoopback, judgeListener } from './listener.ts'
import type { Attachment, ContainerParty } from './parties.ts'
import { judgeTracking, lookAtTracking } from './sizes.ts'
import { targetState } from './states.ts'
import { judgeAddresses, judgeRoute, judgeWire, wireOf, type Wire } from './wires.ts'

/** A machine of the documentation's range stands for whoever asks from outside. */
const SOMEBODY = '192.0.2.1'
const SOMEBODY_V6 = '2001:db8::1'
const SOME_PORT = 40_000

interface Published {
  containerPort: number
  hostIp: string
  hostPort: number
}

/** From the host itself, or from a machine outside, to a container. */
export async function fromOutside(
  ctx: ExplainOptions,
  report: Report,
  from: 'host' | 'internet',
  target: ContainerParty,
  question: Question,
): Promise<void> {
  if (!targetState(report, target)) return
  if (target.sandbox === undefined) {
    report.ok('network', `networks of ${target.name}`, "it uses the host's network")
    return atHost(ctx, report, target, question)
  }
  const way =
    target.attachments.find(one => !one.network.internal && one.network.driver !== 'null') ?? target.attachments[0]
  if (!way || way.network.driver === 'null') {
    report.fail(
      'network',
      `networks of ${target.name}`,
      'it has nothing but its own loopback',
      'no-network',
      `${target.name} is on no network`,
      `berth network connect NETWORK ${target.name}`,
    )
    return
  }
  const published = publishedFor(from, target, question)
  const address = way.endpoint.ipv4 || way.endpoint.ipv6
  const wire = await wireOf(ctx, target, way)
  if (isOnParent(way)) return onParent(ctx, report, from, target, way, wire, question)
  if (from === 'internet' && !judgePublished(report, target, published, question)) return
  const port = published?.containerPort ?? question.port
  const whole = judgeWire(report, wire) && judgeAddresses(report, wire)
  if (whole) await judgeHostRoute(ctx, report, way, address)
  if (whole && from === 'internet') {
    const outside = address.includes(':') ? SOMEBODY_V6 : SOMEBODY
    judgeRoute(report, await ctx.inspector.routeTo(outside, { sandbox: target.sandbox }), {
      owner: target.name,
      to: 'the outside',
      address: outside,
      device: '',
      gateway: address.includes(':') ? way.endpoint.ipv6Gateway : way.endpoint.ipv4Gateway,
    })
    await fromWire(ctx, report, target, wire.inside!.name, way, published!, address, question)
  } else if (whole) await fromHost(ctx, report, target, way, address, published, { ...question, port })
  await judgePort(ctx, report, target, address, { ...question, port })
  await tried(ctx, report, from, address, published, { ...question, port })
}

/** An interface on one of the host's own, with an address of the network that that is on: nothing needs to be published. */
const isOnParent = ({ network }: Attachment): boolean => network.driver === 'macvlan' || network.driver === 'ipvlan'

async function onParent(
  ctx: ExplainOptions,
  report: Report,
  from: 'host' | 'internet',
  target: ContainerParty,
  { network, endpoint }: Attachment,
  wire: Wire,
  question: Question,
): Promise<void> {
  const address = endpoint.ipv4 || endpoint.ipv6
  judgeWire(report, wire)
  judgeAddresses(report, wire)
  if (from === 'host' && network.options['host_access'] !== 'true') {
    report.fail(
      'network',
      `network ${network.name}`,
      `its driver ${network.driver} keeps host and containers apart`,
      'host-unreachable',
      `the host cannot reach ${target.name}: it is on ${network.name}, whose driver keeps host and containers apart`,
      `berth network create -d ${network.driver} -o host_access=true NETWORK`,
    )
  } else
    report.ok('network', `network ${network.name}`, `gives ${target.name} ${address}, an address of its own outside`)
  await judgePort(ctx, report, target, address, question)
  if (from === 'host') await tried(ctx, report, from, address, undefined, question)
}

async function judgePort(
  ctx: ExplainOptions,
  report: Report,
  { name, sandbox }: ContainerParty,
  address: string,
  { port, protocol }: Question,
): Promise<void> {
  if (port === 0) return
  judgeListener(report, await ctx.inspector.listeners(sandbox), { name, address }, { port, protocol })
}

/** What the asked port means: a port of the host that is published, else a port of the container that is. */
function publishedFor(
  from: 'host' | 'internet',
  { published }: ContainerParty,
  { port, protocol }: Question,
): Published | undefined {
  const list = published.filter(one => one.protocol === protocol)
  const best = (found: Published[]) => found.find(one => !isLoopback(one.hostIp)) ?? found[0]
  if (port === 0) return best(list)
  const there = best(list.filter(one => one.hostPort === port))
  // The host reaches the container's own address too.
  return there ?? (from === 'internet' ? best(list.filter(one => one.containerPort === port)) : undefined)
}

function judgePublished(
  report: Report,
  target: ContainerParty,
  published: Published | undefined,
  { port, protocol }: Question,
): published is Published {
  const subject = `port ${port > 0 ? `${port}/${protocol}` : ''} of ${target.name}`.replace('port  of', 'ports of')
  if (!published) {
    const internal = target.attachments.every(one => one.network.internal)
    if (internal) {
      report.fail(
        'network',
        `networks of ${target.name}`,
        'all are internal',
        'internal-network',
        `${target.name} is on internal networks only, to which nothing leads from outside`,
        `berth network connect bridge ${target.name}`,
      )
    } else {
      report.fail(
        'port',
        subject,
        'is not published',
        'port-not-published',
        `${target.name} publishes no port${port > 0 ? ` ${port}/${protocol}` : ''}`,
        `berth update --publish-add ${port || 80}:${port || 80} ${target.name}`,
      )
    }
    return false
  }
  const at = `${published.hostIp}:${published.hostPort}`
  if (isLoopback(published.hostIp)) {
    report.fail(
      'port',
      subject,
      `is published at ${at}`,
      'published-on-loopback',
      `port ${published.containerPort} of ${target.name} is published at ${at}, which only the host itself reaches`,
      `berth update --publish-rm ${at}:${published.containerPort} --publish-add ${published.hostPort}:${published.containerPort} ${target.name}`,
    )
    return false
  }
  report.ok('port', subject, `is published at ${at}`)
  return true
}

/** The host must find the container's subnet behind the container's bridge. */
async function judgeHostRoute(
  ctx: ExplainOptions,
  report: Report,
  { network }: Attachment,
  address: string,
): Promise<void> {
  const route = await ctx.inspector.routeTo(address)
  if (network.bridgeName !== '' && route.kind === 'unicast' && route.device !== network.bridgeName) {
    report.fail(
      'route',
      'route of the host',
      `${address} leads through ${route.device} and not through ${network.bridgeName}`,
      'subnet-overlap',
      `a route of the host through ${route.device} covers ${address}, which is in the subnet of network ${network.name}`,
      `ip route get ${address}; give network ${network.name} another subnet`,
    )
  } else judgeRoute(report, route, { owner: '', to: `network ${network.name}`, address, device: network.bridgeName })
}

/** A packet of another machine, through every hook. */
async function fromWire(
  ctx: ExplainOptions,
  report: Report,
  target: ContainerParty,
  device: string,
  { network }: Attachment,
  published: Published,
  address: string,
  { protocol }: Question,
): Promise<void> {
  const family = address.includes(':') ? 6 : 4
  const outside = (await ctx.links.routes(family)).find(route => route.destination === 'default')?.device ?? 'eth0'
  const own = (await ctx.links.addresses()).find(
    one => one.device === outside && one.address.includes(':') === (family === 6),
  )
  const wild = published.hostIp === '0.0.0.0' || published.hostIp === '::'
  const arriving: Packet = {
    family,
    protocol,
    source: SOMEBODY,
    destination: wild ? (own?.address.split('/')[0] ?? published.hostIp) : published.hostIp,
    sourcePort: SOME_PORT,
    destinationPort: published.hostPort,
    iif: outside,
    state: 'new',
    dnat: false,
    toLocal: true,
  }
  const sandbox = target.sandbox!
  const filters = await lookAtFilters(ctx, [undefined, sandbox])
  const nat = filterAt(filters.rulesets.get('')!, 'prerouting', arriving)
  if (nat.verdict !== 'drop' && !nat.dnat) {
    report.fail(
      'nat',
      `table inet ${ctx.table}`,
      `does not translate port ${published.hostPort}`,
      'filter-missing',
      `the engine's rules for published ports were removed by another program (a firewall reload does that); they come back within seconds`,
      'berth network doctor',
    )
    return
  }
  if (ctx.inspector.sysctl(family === 6 ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward') === '0') {
    report.fail(
      'route',
      'the host',
      'does not forward packets',
      'forwarding-off',
      'the host does not forward packets, so that published ports lead nowhere from outside',
      'sysctl -w net.ipv4.ip_forward=1',
    )
  }
  const forwarded: Packet = {
    ...arriving,
    destination: address,
    destinationPort: published.containerPort,
    dnat: true,
    toLocal: false,
    oif: network.bridgeName,
  }
  throughGates(report, filters, [
    { where: 'the host', hook: 'prerouting', packet: arriving },
    { where: 'the host', hook: 'forward', packet: forwarded },
    { where: 'the host', hook: 'postrouting', packet: forwarded },
    { sandbox, where: target.name, hook: 'input', packet: { ...forwarded, iif: device, toLocal: true } },
    { where: 'the host', hook: 'forward', packet: replyTo(forwarded) },
  ])
  for (const table of lookAtTracking(ctx, 'the host')) judgeTracking(report, table)
}

async function fromHost(
  ctx: ExplainOptions,
  report: Report,
  target: ContainerParty,
  { network }: Attachment,
  address: string,
  published: Published | undefined,
  { port, protocol }: Question,
): Promise<void> {
  if (published)
    report.ok(
      'port',
      `port ${published.hostPort}/${protocol} of the host`,
      `is published for port ${published.containerPort} of ${target.name}`,
    )
  const packet: Packet = {
    family: address.includes(':') ? 6 : 4,
    protocol,
    source: '127.0.0.1',
    destination: address,
    sourcePort: SOME_PORT,
    ...(port > 0 && { destinationPort: port }),
    ...(network.bridgeName !== '' && { oif: network.bridgeName }),
    state: 'new',
    dnat: published !== undefined,
    toLocal: false,
  }
  throughGates(report, await lookAtFilters(ctx, [undefined, target.sandbox]), [
    { where: 'the host', hook: 'output', packet },
    { sandbox: target.sandbox!, where: target.name, hook: 'input', packet: { ...packet, toLocal: true } },
  ])
}

async function atHost(ctx: ExplainOptions, report: Report, target: ContainerParty, question: Question): Promise<void> {
  const listeners = await ctx.inspector.listeners()
  if (question.port > 0) judgeListener(report, listeners, { name: target.name, address: '0.0.0.0' }, question)
}

/** From the host a real connection; for a machine outside only the last part of the way can be tried. */
async function tried(
  ctx: ExplainOptions,
  report: Report,
  from: 'host' | 'internet',
  address: string,
  published: Published | undefined,
  { port, protocol }: Question,
): Promise<void> {
  if (protocol !== 'tcp' || port === 0) return report.skip('connection', 'connection', 'needs a TCP port to be tried')
  const local = from === 'host' && published
  const wild = published?.hostIp === '0.0.0.0'
  const [to, at] = local ? [wild ? '127.0.0.1' : published.hostIp, published.hostPort] : [address, port]
  const probe = await ctx.inspector.connect(to, at, { timeoutMs: PROBE_TIMEOUT })
  const subject = `connection to ${to}:${at}`
  if (probe.outcome === 'connected') {
    report.ok('connection', subject, from === 'host' ? 'was made' : 'was made from the host')
    if (from === 'host') report.relieve(['target-paused'])
  } else if (!report.failed) report.undecided('connection', subject, `was not made: ${probe.errno}`)
}
