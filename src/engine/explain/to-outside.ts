import type { Report } from '#model/report.ts'
import type { Packet } from '#engine/networks/index.ts'
import type { ExplainOptions, Question } from './context.ts'
import { PROBE_TIMEOUT } from './context.ts'
import { lookAtFilters, replyTo, throughGates } from './filters.ts'
import { judgeListener } from './listener.ts'
import { publisherOf, type Attachment, type ContainerParty } from './parties.ts'
import { judgeName } from './names.ts'
import type { NameFacts } from './resolve.ts'
import { judgeTracking, lookAtTracking } from './sizes.ts'
import { sourceState } from './states.ts'
import { judgeAddresses, judgeRoute, judgeWire, wireOf } from './wires.ts'

/** An address of the documentation's range: stands for any machine outside where only the way is asked for. */
const ANYWHERE = { 4: '192.0.2.1', 6: '2001:db8::1' }
const WEB_PORT = 443

export type Outside =
  | { kind: 'host' }
  | { kind: 'internet' }
  | { kind: 'address'; address: string }
  | { kind: 'name'; name: string; facts: NameFacts }

/** From a container to the host, a machine outside, or anywhere. */
export async function toOutside(
  ctx: ExplainOptions,
  report: Report,
  source: ContainerParty,
  target: Outside,
  question: Question,
): Promise<void> {
  if (!sourceState(report, source)) return
  if (source.sandbox === undefined) {
    report.ok('network', `networks of ${source.name}`, "it uses the host's network")
    return connection(ctx, report, source, addressFor(report, source, target), question)
  }
  const way = leadsOut(report, source, target)
  if (!way) return
  const address = addressFor(report, source, target, way)
  if (address === undefined || !hasFamily(report, source, way, address)) return
  const wire = await wireOf(ctx, source, way)
  judgeWire(report, wire)
  judgeAddresses(report, wire)
  if (!wire.inside) return
  // A link that is down has no routes: one cause is enough.
  if (wire.inside.up) {
    judgeRoute(report, await ctx.inspector.routeTo(address, { sandbox: source.sandbox }), {
      owner: source.name,
      to: question.to,
      address,
      device: '',
      gateway: address.includes(':') ? way.endpoint.ipv6Gateway : way.endpoint.ipv4Gateway,
    })
  }
  const local = target.kind === 'host' || (await ctx.inspector.routeTo(address)).kind === 'local'
  // A policy may be about ports: of the internet as such, the one of the web is meant.
  const asked = target.kind === 'internet' && question.port === 0 ? { ...question, port: WEB_PORT } : question
  await throughHost(ctx, report, source, way, wire.inside.name, address, local, asked)
  for (const table of lookAtTracking(ctx, 'the host')) judgeTracking(report, table)
  if (local && question.port > 0) await judgeHostPort(ctx, report, address, question)
  await connection(ctx, report, source, target.kind === 'internet' ? undefined : address, question)
}

/** Whether the way out has an address of the target's kind. */
function hasFamily(
  report: Report,
  { name }: ContainerParty,
  { endpoint, network }: Attachment,
  address: string,
): boolean {
  const six = address.includes(':')
  if ((six ? endpoint.ipv6 : endpoint.ipv4) !== '') return true
  const kind = six ? 'IPv6' : 'IPv4'
  report.fail(
    'address',
    `addresses of ${name} on ${network.name}`,
    `none is of ${kind}, as ${address} is`,
    'no-address',
    `${name} has no ${kind} address on ${network.name}, and ${address} is one`,
    `berth network create --${kind.toLowerCase()} NETWORK`,
  )
  return false
}

/** What is behind a port of the host: a container, if one publishes it. */
async function judgeHostPort(
  ctx: ExplainOptions,
  report: Report,
  address: string,
  { port, protocol }: Question,
): Promise<void> {
  const published = await publisherOf(ctx, port, protocol)
  if (!published) {
    return judgeListener(report, await ctx.inspector.listeners(), { name: 'the host', address }, { port, protocol })
  }
  const { party, containerPort } = published
  report.ok('port', `port ${port}/${protocol} of the host`, `is published for port ${containerPort} of ${party.name}`)
  const endpoint = party.attachments.find(one => !one.network.internal)?.endpoint
  const where = { name: party.name, address: endpoint?.ipv4 || endpoint?.ipv6 || '' }
  const listeners = await ctx.inspector.listeners(party.sandbox)
  judgeListener(report, listeners, where, { port: containerPort, protocol })
}

/** The attachment that carries the default route. */
function leadsOut(report: Report, source: ContainerParty, target: Outside): Attachment | undefined {
  const real = source.attachments.filter(one => one.network.driver !== 'null')
  const subject = `networks of ${source.name}`
  if (real.length === 0) {
    report.fail(
      'network',
      subject,
      'it has nothing but its own loopback',
      'no-network',
      `${source.name} is on no network`,
      `berth network connect NETWORK ${source.name}`,
    )
    return undefined
  }
  const open = real.filter(one => !one.network.internal)
  const out =
    open.find(one => one.endpoint.ipv4Gateway !== '' || one.endpoint.ipv6Gateway !== '') ??
    (target.kind === 'host' ? undefined : open[0])
  if (!out) {
    report.fail(
      'network',
      subject,
      `${real.map(one => one.network.name).join(', ')} ${real.length > 1 ? 'are' : 'is'} internal`,
      'internal-network',
      `${source.name} is on internal networks only, which lead nowhere outside`,
      `berth network connect bridge ${source.name}`,
    )
    return undefined
  }
  report.ok('network', subject, `${out.network.name} leads outside`)
  return out
}

function addressFor(report: Report, source: ContainerParty, target: Outside, way?: Attachment): string | undefined {
  switch (target.kind) {
    case 'host':
      return way?.endpoint.ipv4Gateway || way?.endpoint.ipv6Gateway || '127.0.0.1'
    case 'internet':
      return way?.endpoint.ipv4 === '' ? ANYWHERE[6] : ANYWHERE[4]
    case 'address':
      return target.address
    case 'name':
      return judgeName(report, target.facts, {
        source: source.name,
        target: '',
        right: [],
        sharesWith: '',
        nameless: false,
        network: '',
        elsewhere: [],
      })
  }
}

async function throughHost(
  ctx: ExplainOptions,
  report: Report,
  source: ContainerParty,
  way: Attachment,
  device: string,
  address: string,
  local: boolean,
  { port, protocol }: Question,
): Promise<void> {
  const from = address.includes(':') ? way.endpoint.ipv6 : way.endpoint.ipv4
  const bridge = way.network.bridgeName
  const packet: Packet = {
    family: address.includes(':') ? 6 : 4,
    protocol,
    source: from,
    destination: address,
    sourcePort: 40_000,
    ...(port > 0 && { destinationPort: port }),
    state: 'new',
    dnat: false,
    toLocal: local,
  }
  const output = {
    sandbox: source.sandbox!,
    where: source.name,
    hook: 'output' as const,
    packet: { ...packet, oif: device },
  }
  const filters = await lookAtFilters(ctx, [undefined, source.sandbox], source)
  if (bridge === '') {
    if (local && ['macvlan', 'ipvlan'].includes(way.network.driver) && way.network.options['host_access'] !== 'true') {
      report.fail(
        'network',
        `network ${way.network.name}`,
        `its driver ${way.network.driver} keeps host and containers apart`,
        'host-unreachable',
        `${source.name} cannot reach its own host: it is on ${way.network.name}, whose driver keeps host and containers apart`,
        `berth network create -d ${way.network.driver} -o host_access=true NETWORK`,
      )
    }
    return throughGates(report, filters, [output])
  }
  const inbound = { ...packet, iif: bridge }
  const told = new Set<string>()
  throughGates(report, filters, [output, { where: 'the host', hook: 'prerouting', packet: inbound }], told)
  await judgeWayBack(ctx, report, source, way, from)
  if (local) return throughGates(report, filters, [{ where: 'the host', hook: 'input', packet: inbound }], told)
  if (ctx.inspector.sysctl(address.includes(':') ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward') === '0') {
    report.fail(
      'route',
      'the host',
      'does not forward packets',
      'forwarding-off',
      'the host does not forward packets, so that no container reaches the outside',
      'sysctl -w net.ipv4.ip_forward=1',
    )
  }
  const route = await ctx.inspector.routeTo(address)
  judgeRoute(report, route, { owner: '', to: 'the outside', address, device: '' })
  if (route.kind !== 'unicast') return
  if (!filters.rulesets.get('')!.chains.has(`inet ${ctx.table} postrouting`)) {
    report.fail(
      'nat',
      `table inet ${ctx.table}`,
      'is not there',
      'filter-missing',
      "the engine's rules were removed by another program (a firewall reload does that), so that nothing leaves under the host's address; they come back within seconds",
      'berth network doctor',
    )
  }
  const forwarded = { ...inbound, oif: route.device }
  const rest = [
    { where: 'the host', hook: 'forward' as const, packet: forwarded },
    { where: 'the host', hook: 'postrouting' as const, packet: forwarded },
    { where: 'the host', hook: 'forward' as const, packet: replyTo(forwarded) },
  ]
  throughGates(report, filters, rest, told)
}

/** The host must find the container behind its bridge: for the answers, and with strict rp_filter to let it in at all. */
async function judgeWayBack(
  ctx: ExplainOptions,
  report: Report,
  source: ContainerParty,
  { network }: Attachment,
  from: string,
): Promise<void> {
  const back = await ctx.inspector.routeTo(from)
  if (back.kind !== 'unicast' || back.device === network.bridgeName) return
  const of = (name: string) => Number(ctx.inspector.sysctl(`net.ipv4.conf.${name}.rp_filter`) ?? 0)
  const strict = !from.includes(':') && Math.max(of('all'), of(network.bridgeName)) === 1
  report.fail(
    'route',
    `route in the host to ${source.name}`,
    `${from} leads through ${back.device} and not through ${network.bridgeName}${strict ? ', and rp_filter is strict' : ''}`,
    strict ? 'rp-filter' : 'subnet-overlap',
    strict
      ? `the host drops what comes from ${from} by ${network.bridgeName}: rp_filter is strict, and a route through ${back.device} covers ${from}`
      : `a route of the host through ${back.device} covers ${from} of ${source.name}, so that answers do not get back`,
    `ip route show match ${from}`,
  )
}

async function connection(
  ctx: ExplainOptions,
  report: Report,
  { sandbox }: ContainerParty,
  address: string | undefined,
  { port, protocol }: Question,
): Promise<void> {
  if (address === undefined)
    return report.skip('connection', 'connection', 'nobody on the internet was named, so that none was tried')
  if (port === 0 || protocol !== 'tcp') return report.skip('connection', 'connection', 'needs a TCP port to be tried')
  const subject = `connection to ${address}:${port}`
  const probe = await ctx.inspector.connect(address, port, {
    timeoutMs: PROBE_TIMEOUT,
    ...(sandbox !== undefined && { sandbox }),
  })
  if (probe.outcome === 'connected') {
    report.ok('connection', subject, 'was made')
    return report.relieve(['source-paused'])
  }
  if (report.failed) return
  if (probe.outcome === 'refused') {
    report.fail(
      'connection',
      subject,
      'was refused',
      'not-listening',
      `${address} refuses connections at port ${port}: nothing listens there`,
      '',
    )
  } else {
    report.fail(
      'connection',
      subject,
      `was not made: ${probe.errno}`,
      'host-unreachable',
      `${address}:${port} does not answer, and nothing on this host stands in the way`,
      '',
    )
  }
}
