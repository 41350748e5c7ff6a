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
}

export async function wireOf(ctx: ExplainOptions, party: ContainerParty, attachment: Attachment): Promise<Wire> {
  const { endpoint, network } = attachment
  const outsideName = ctx.networks.hostInterface(endpoint)
  const [inside, outside, bridge] = await Promise.all([
    party.sandbox ? ctx.links.list(party.sandbox) : Promise.resolve([]),
    network.driver === 'bridge' ? ctx.links.find(outsideName) : undefined,
    network.bridgeName ? ctx.links.find(network.bridgeName) : undefined,
  ])
  return {
    owner: party.name,
    network: network.name,
    inside: inside.find(link => link.mac === endpoint.mac),
    outside,
    outsideName,
    bridge,
    bridgeName: network.bridgeName,
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

/** Where the packets of one side go, against where they should. */
export function judgeRoute(
  report: Report,
  route: RouteAnswer,
  way: { owner: string; to: string; address: string; device: string; gateway?: string },
): void {
  const subject = `route in ${way.owner} to ${way.to}`
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
      `${way.owner} has no route to ${way.address}`,
      way.gateway
        ? `nsenter -t $(berth inspect -f '{{.State.Pid}}' ${way.owner}) -n ip route replace default via ${way.gateway}`
        : `nsenter -t $(berth inspect -f '{{.State.Pid}}' ${way.owner}) -n ip route replace ${way.address} dev ${way.device}`,
    )
  } else if (way.device !== '' && route.device !== way.device && route.kind === 'unicast') {
    report.fail(
      'route',
      subject,
      `leads through ${route.device} and not through ${way.device}`,
      'route-elsewhere',
      `packets of ${way.owner} for ${way.address} leave by ${route.device}, which does not lead to ${way.to}`,
      `nsenter -t $(berth inspect -f '{{.State.Pid}}' ${way.owner}) -n ip route`,
    )
  } else {
    report.ok(
      'route',
      subject,
      `${way.address} ${route.gateway ? `via ${route.gateway} ` : ''}through ${route.device || 'lo'}`,
    )
  }
}

/** Whom the source takes the target's address for. */
export function judgeNeighbour(
  report: Report,
  neighbour: Neighbour | undefined,
  target: { owner: string; name: string; address: string; mac: string },
): void {
  if (!neighbour) return
  const subject = `neighbour ${target.address} of ${target.owner}`
  if (neighbour.mac !== '' && neighbour.mac !== target.mac) {
    if (neighbour.state === 'permanent' || neighbour.state === 'noarp') {
      report.fail(
        'neighbour',
        subject,
        `is set to ${neighbour.mac}, and ${target.name} has ${target.mac}`,
        'neighbour-failed',
        `${target.owner} has a fixed neighbour entry for ${target.address} that is not ${target.name}`,
        `nsenter -t $(berth inspect -f '{{.State.Pid}}' ${target.owner}) -n ip neigh del ${target.address} dev eth0`,
      )
    } else {
      report.fail(
        'address',
        subject,
        `${neighbour.mac} answers for it, and ${target.name} has ${target.mac}`,
        'address-clash',
        `another machine on the network, ${neighbour.mac}, also has the address ${target.address} of ${target.name}`,
        `find the one with ${neighbour.mac}: bridge fdb | grep ${neighbour.mac}`,
      )
    }
  } else if (neighbour.state === 'failed' || neighbour.state === 'incomplete') {
    report.fail(
      'neighbour',
      subject,
      'nobody answers for it',
      'neighbour-failed',
      `nobody on the network answers for ${target.address}`,
      '',
    )
  } else report.ok('neighbour', subject, neighbour.mac === '' ? 'not asked yet' : `is ${neighbour.mac}`)
}
