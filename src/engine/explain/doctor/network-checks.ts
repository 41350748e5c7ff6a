import type { Packet } from '#engine/networks/index.ts'
import type { DoctorCheck } from '#model/doctor.ts'
import { outsideDevice, type Facts, type NetworkFacts, type Subnet } from './facts.ts'
import { answerTo, ruleName, ruleOf, stopOf } from './filter.ts'
import { allowing } from './mend.ts'

/** Somewhere in the world; no packet is sent. */
const WORLD = { 4: '1.1.1.1', 6: '2606:4700:4700::1111' }

/** One network: its bridge, its subnets, the way out and the way within. */
export function networkChecks(facts: Facts, network: NetworkFacts): DoctorCheck[] {
  const checks: DoctorCheck[] = []
  const { name, bridge, link } = network
  if (!link || !link.up) {
    const detail = `bridge ${bridge} ${link ? 'is down' : 'does not exist'}: its containers reach nobody`
    checks.push({ check: `network ${name}`, status: 'fail', detail, fix: link ? `ip link set ${bridge} up` : '' })
    return checks
  }
  for (const subnet of network.subnets) {
    checks.push(
      ...overlap(network, subnet),
      ...within(facts, network, subnet),
      ...mtu(facts, network, subnet),
      ...egress(facts, network, subnet),
      ...toHost(facts, network, subnet),
    )
  }
  return checks
}

const suffix = (family: 4 | 6): string => (family === 6 ? ' (IPv6)' : '')

function overlap({ name, bridge }: NetworkFacts, { family, cidr, inside, way }: Subnet): DoctorCheck[] {
  const check = `subnet of ${name}${suffix(family)}`
  // A bridge with nothing on it is down in a way: its route stays.
  if (way.device === bridge || way.kind === 'local') {
    return [{ check, status: 'ok', detail: `${cidr} is behind ${bridge}`, fix: '' }]
  }
  const where = way.kind === 'unicast' ? `goes through ${way.device}` : `is ${way.kind}`
  const detail = `the host's route to ${inside} ${where} and not through ${bridge}: a route of the host overlaps ${cidr}`
  return [{ check, status: 'fail', detail, fix: `ip route replace ${cidr} dev ${bridge}` }]
}

function mtu(facts: Facts, { name, bridge, link }: NetworkFacts, { family }: Subnet): DoctorCheck[] {
  const outside = facts.links.find(one => one.name === outsideDevice(facts, family))
  if (!outside || !link || family !== 4) return []
  const check = `MTU of ${name}`
  if (link.mtu <= outside.mtu) {
    return [{ check, status: 'ok', detail: `${link.mtu} on ${bridge}, ${outside.mtu} on ${outside.name}`, fix: '' }]
  }
  const detail = `${bridge} takes packets of ${link.mtu} bytes and ${outside.name}, the way out, only ${outside.mtu}: big ones get lost where ICMP is filtered`
  const fix = `berth network create --opt com.docker.network.driver.mtu=${outside.mtu} NETWORK`
  return [{ check, status: 'warn', detail, fix }]
}

function packetOut({ bridge }: NetworkFacts, { family, inside }: Subnet, oif: string): Packet {
  return {
    family,
    protocol: 'tcp',
    source: inside,
    destination: WORLD[family],
    sourcePort: 40_000,
    destinationPort: 443,
    iif: bridge,
    oif,
    state: 'new',
    dnat: false,
    toLocal: false,
  }
}

function egress(facts: Facts, network: NetworkFacts, subnet: Subnet): DoctorCheck[] {
  const { name, bridge, internal } = network
  const { family } = subnet
  const check = `egress of ${name}${suffix(family)}`
  if (internal) return [{ check, status: 'info', detail: 'the network is internal: nothing leaves it', fix: '' }]
  const outside = outsideDevice(facts, family)
  if (outside === undefined) {
    return [{ check, status: family === 4 ? 'warn' : 'info', detail: 'the host has no default route', fix: '' }]
  }
  const forwarded = packetOut(network, subnet, outside)
  const { oif: _none, ...arriving } = forwarded
  const stop = stopOf(facts.ruleset, [
    { hook: 'ingress', packet: arriving },
    { hook: 'prerouting', packet: arriving },
    { hook: 'forward', packet: forwarded },
    { hook: 'postrouting', packet: forwarded },
    { hook: 'forward', packet: answerTo(forwarded), reply: true },
  ])
  if (!stop) return [{ check, status: 'ok', detail: `the packet filter lets it out through ${outside}`, fix: '' }]
  const rule = ruleOf(stop.step)
  if (stop.step.table === facts.table) {
    const detail = `limited by its own policy: ${ruleName(stop.step)}`
    return [{ check, status: 'info', detail, fix: '', rule }]
  }
  const what = stop.reply ? 'answers from outside are' : 'packets to the outside are'
  const fix = allowing(facts.ruleset, stop, { family, bridge })
  if (stop.sure) return [{ check, status: 'fail', detail: `${what} dropped by ${ruleName(stop.step)}`, fix, rule }]
  return [{ check, status: 'warn', detail: `${what} perhaps dropped by ${ruleName(stop.step)}`, fix: '', rule }]
}

/** Services of the host (`host.docker.internal`) are behind the input hook. */
function toHost(facts: Facts, network: NetworkFacts, subnet: Subnet): DoctorCheck[] {
  const { family, gateway } = subnet
  if (network.internal || gateway === '') return []
  const { oif: _none, ...packet } = { ...packetOut(network, subnet, ''), destination: gateway, toLocal: true }
  const stop = stopOf(facts.ruleset, [{ hook: 'input', packet: { ...packet, destinationPort: 49_151 } }])
  if (!stop || !stop.sure) return []
  const { family: of, table, chain } = stop.step
  return [
    {
      check: `host from ${network.name}${suffix(family)}`,
      status: 'info',
      detail: `services of the host itself (host.docker.internal) are closed to its containers by ${ruleName(stop.step)}`,
      fix: `nft insert rule ${of} ${table} ${chain} iifname "${network.bridge}" accept`,
      rule: ruleOf(stop.step),
    },
  ]
}

/** Between containers of the network: tables of the bridge family, and with bridge-nf those of IP too. */
function within(facts: Facts, network: NetworkFacts, subnet: Subnet): DoctorCheck[] {
  const { family } = subnet
  const key = `net.bridge.bridge-nf-call-${family === 4 ? 'iptables' : 'ip6tables'}`
  const called = facts.sysctl(key) === '1'
  const { iif: _in, oif: _out, ...bare } = packetOut(network, subnet, '')
  const packet = { ...bare, destination: subnet.inside }
  const { bridge } = network
  const stop = stopOf(facts.ruleset, [
    { hook: 'forward', packet, families: ['bridge'] },
    ...(called ? [{ hook: 'forward' as const, packet: { ...packet, iif: bridge, oif: bridge } }] : []),
  ])
  if (!stop || stop.step.table === facts.table) return []
  const byKey = stop.step.family !== 'bridge'
  const detail = `packets between its containers are ${stop.sure ? '' : 'perhaps '}dropped by ${ruleName(stop.step)}${byKey ? `, which sees them because ${key} is 1` : ''}`
  return [
    {
      check: `within ${network.name}${suffix(family)}`,
      status: stop.sure ? 'fail' : 'warn',
      detail,
      fix: byKey ? `sysctl -w ${key}=0` : '',
      rule: ruleOf(stop.step),
    },
  ]
}
