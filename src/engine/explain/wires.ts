import type { Report } from '#model/report.ts'
import type { LinkInfo, Neighbour } from '#ports/links.ts'
import type { RouteAnswer } from '#ports/inspector.ts'
import type { ExplainOptions } from './context.ts'
import type { Attachment, ContainerParty } from './parties.ts'

/** The interface of an endpoint: its end inside, its end on the host, and the bridge that that is on. */
export interface Wire {
  owner: string
  network: string
  inside: LinkInfo | undefined
  outside: LinkInfo | undefined
  outsideName: string
  bridge: LinkInfo | undefined
  bridgeName: string
  /** Addresses that the interface inside should have, and that it has. */
  wanted: readonly string[]
  addresses: readonly string[]
  /** Of every interface of the owner: one with several answers by any of them. */
  macs: readonly string[]
}

export async function wireOf(ctx: ExplainOptions, party: ContainerParty, attachment: Attachment): Promise<Wire> {
  const { endpoint, network } = attachment
  const outsideName = ctx.networks.hostInterface(endpoint)
  const [links, addresses, outside, bridge] = await Promise.all([
    party.sandbox ? ctx.links.list(party.sandbox) : Promise.resolve([]),
    party.sandbox ? ctx.links.addresses(party.sandbox) : Promise.resolve([]),
    network.bridgeName ? ctx.links.find(outsideName) : undefined,
    network.bridgeName ? ctx.links.find(network.bridgeName) : undefined,
  ])
  // By address where there is one: with ipvlan the interfaces of one parent share its MAC.
  const holder = addresses.find(({ address }) => [endpoint.ipv4, endpoint.ipv6].includes(address.replace(/\/.*/, '')))
  const inside = links.find(link => link.name === holder?.device) ?? links.find(link => link.mac === endpoint.mac)
  return {
    owner: party.name,
    network: network.name,
    inside,
    outside,
    outsideName,
    bridge,
    bridgeName: network.bridgeName,
    wanted: [endpoint.ipv4, endpoint.ipv6].filter(address => address !== ''),
    macs: links.map(link => link.mac),
    addresses: addresses.filter(one => one.device === inside?.name).map(one => one.address.replace(/\/.*/, '')),
  }
}

/** Reports what is wrong with one side's wire. @returns whether it carries packets */
export function judgeWire(report: Report, wire: Wire): boolean {
  const { owner, network, inside, outside, outsideName, bridge, bridgeName } = wire
  const subject = `wire of ${owner} on ${network}`
  const reconnect = `berth network disconnect ${network} ${owner} && berth network connect ${network} ${owner}`
  const fail = (detail: string, code: Parameters<Report['fail']>[3], summary: string, fix: string) => {
    report.fail('link', subject, detail, code, summary, fix)
    return false
  }
  if (!inside) {
    return fail('has no interface inside', 'link-missing', `${owner} has lost its interface on ${network}`, reconnect)
  }
  if (!inside.up) {
    return fail(
      `${inside.name} is down`,
      'link-down',
      `interface ${inside.name} in ${owner} is down`,
      `nsenter -t $(berth inspect -f '{{.State.Pid}}' ${owner}) -n ip link set ${inside.name} up`,
    )
  }
  if (bridgeName === '') {
    report.ok('link', subject, `${inside.name} is up`)
    return true
  }
  if (!bridge) {
    return fail(
      `bridge ${bridgeName} is not there`,
      'bridge-missing',
      `the bridge of network ${network} was removed`,
      'restart the berth daemon, which makes it anew',
    )
  }
  if (!outside) {
    return fail(
      `${outsideName} is not there`,
      'link-missing',
      `the host's end of the wire of ${owner} was removed`,
      reconnect,
    )
  }
  if (!bridge.up) {
    return fail(
      `bridge ${bridgeName} is down`,
      'link-down',
      `bridge ${bridgeName} of network ${network} is down`,
      `ip link set ${bridgeName} up`,
    )
  }
  if (!outside.up) {
    return fail(
      `${outsideName} is down`,
      'link-down',
      `interface ${outsideName} of the host, the wire of ${owner}, is down`,
      `ip link set ${outsideName} up`,
    )
  }
  if (outside.master !== bridge.index) {
    return fail(
      `${outsideName} is not on bridge ${bridgeName}`,
      'link-missing',
      `the wire of ${owner} was taken off bridge ${bridgeName}`,
      `ip link set ${outsideName} master ${bridgeName}`,
    )
  }
  report.ok('link', subject, `${inside.name} and ${outsideName} are up, on bridge ${bridgeName}`)
  return true
}

/** Whether the interface inside still has its addresses. */
export function judgeAddresses(report: Report, { owner, network, inside, wanted, addresses }: Wire): boolean {
  const gone = wanted.find(address => !addresses.includes(address))
  if (!inside || gone === undefined) return true
  report.fail(
    'address',
    `addresses of ${owner} on ${network}`,
    `${gone} is not on ${inside.name}`,
    'no-address',
    `the address ${gone} was taken off ${inside.name} in ${owner}`,
    `berth network disconnect ${network} ${owner} && berth network connect ${network} ${owner}`,
  )
  return false
}

/** Where the packets of one side go, against where they should. @param way.owner '' is the host */
export function judgeRoute(
  report: Report,
  route: RouteAnswer,
  way: { owner: string; to: string; address: string; device: string; gateway?: string },
): void {
  const owner = way.owner || 'the host'
  const enter = way.owner ? `nsenter -t $(berth inspect -f '{{.State.Pid}}' ${way.owner}) -n ` : ''
  const subject = `route in ${owner} to ${way.to}`
  if (route.kind !== 'unicast' && route.kind !== 'local') {
    const text = {
      none: 'there is none',
      unreachable: 'says unreachable',
      prohibit: 'says prohibited',
      blackhole: 'drops it',
    }
    report.fail(
      'route',
      subject,
      `for ${way.address} ${text[route.kind]}`,
      'no-route',
      `${owner} has no route to ${way.address}`,
      way.gateway
        ? `${enter}ip route replace default via ${way.gateway}`
        : way.device
          ? `${enter}ip route replace ${way.address} dev ${way.device}`
          : '',
    )
  } else if (way.device !== '' && route.device !== way.device && route.kind === 'unicast') {
    report.fail(
      'route',
      subject,
      `leads through ${route.device} and not through ${way.device}`,
      'route-elsewhere',
      `packets of ${owner} for ${way.address} leave by ${route.device}, which does not lead to ${way.to}`,
      `${enter}ip route`,
    )
  } else {
    report.ok(
      'route',
      subject,
      `${way.address} ${route.gateway ? `via ${route.gateway} ` : ''}through ${route.device || 'lo'}`,
    )
  }
}

/** Whom the source takes an address for. */
export interface NeighbourFacts {
  /** In the source's table. */
  entry: Neighbour | undefined
  /** MACs that answer for the address on the wire; undefined when the wire was not asked. */
  answers: readonly string[] | undefined
}

/** @returns false when nobody answers: something on the way may be why, so that it is for the caller to say */
export function judgeNeighbour(
  report: Report,
  { entry, answers }: NeighbourFacts,
  target: { owner: string; name: string; address: string; mac: string; macs: readonly string[]; device: string },
): boolean {
  const { owner, name, address, mac, macs, device } = target
  const subject = `neighbour ${address} of ${owner}`
  const fixed = entry?.state === 'permanent' || entry?.state === 'noarp'
  if (mac === '') return true
  if (entry && fixed && entry.mac !== '' && entry.mac !== mac) {
    report.fail(
      'neighbour',
      subject,
      `is set to ${entry.mac}, and ${name} has ${mac}`,
      'neighbour-failed',
      `${owner} has a fixed neighbour entry for ${address} that is not ${name}`,
      `nsenter -t $(berth inspect -f '{{.State.Pid}}' ${owner}) -n ip neigh del ${address} dev ${device}`,
    )
    return true
  }
  const learnt = entry && entry.mac !== '' && entry.state !== 'failed' ? [entry.mac] : []
  const strangers = [...new Set([...(answers ?? []), ...learnt])].filter(one => one !== mac && !macs.includes(one))
  if (strangers.length > 0) {
    report.fail(
      'address',
      subject,
      `${strangers.join(', ')} answers for it, and ${name} has ${mac}`,
      'address-clash',
      `another machine on the network, ${strangers[0]}, also has the address ${address} of ${name}`,
      `bridge fdb | grep ${strangers[0]}`,
    )
    return true
  }
  if (answers?.length === 0 || (answers === undefined && ['failed', 'incomplete'].includes(entry?.state ?? ''))) {
    report.warn('neighbour', subject, 'nobody answers for it')
    return false
  }
  report.ok('neighbour', subject, `is ${mac}`)
  return true
}
