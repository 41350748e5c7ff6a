import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRuleset } from '#engine/networks/index.ts'
import type { CauseCode } from '#model/explain.ts'
import { Report } from '#model/report.ts'
import type { ContainerRecord, EndpointRecord } from '#model/container.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { LinkInfo } from '#ports/links.ts'
import { judgeBetween } from './between-containers.ts'
import type { BetweenFacts, WayFacts } from './between-facts.ts'
import type { ContainerParty } from './parties.ts'
import type { Wire } from './wires.ts'

const network = { id: 'n1', name: 'front', driver: 'bridge', options: {}, bridgeName: 'br-n1', builtin: false }

function party(name: string, number: number): ContainerParty {
  const endpoint = { networkId: 'n1', networkName: 'front', ipv4: `10.0.0.${number}`, ipv6: '', mac: mac(number) }
  return {
    kind: 'container',
    id: name.repeat(20),
    name,
    record: { state: { kind: 'running' }, config: {} } as ContainerRecord,
    status: 'running',
    pid: number,
    sandbox: `/ns/${name}`,
    attachments: [{ endpoint: endpoint as EndpointRecord, network: network as unknown as NetworkRecord }],
    published: [],
  }
}

const mac = (number: number) => `02:42:0a:00:00:0${number}`

function link(name: string, index: number, more: Partial<LinkInfo> = {}): LinkInfo {
  const base = { kind: 'veth', mac: '', mtu: 1500, up: true, operState: 'up', master: 0, alias: '' }
  return { index, name, ...base, ...more }
}

function wire(owner: string, number: number): Wire {
  return {
    owner,
    network: 'front',
    inside: link('eth0', 2, { mac: mac(number) }),
    outside: link(`veth${number}`, 10 + number, { master: 9 }),
    outsideName: `veth${number}`,
    bridge: link('br-n1', 9),
    bridgeName: 'br-n1',
    wanted: [`10.0.0.${number}`],
    addresses: [`10.0.0.${number}`],
    macs: [mac(number)],
  }
}

const route = { kind: 'unicast', device: 'eth0', gateway: '', source: '' } as const
const listener = { protocol: 'tcp', port: 80, address: '0.0.0.0', v6only: false, waiting: 0, backlog: 128 } as const

/** Everything as it should be between web and db. */
function healthy(): BetweenFacts & { way: WayFacts } {
  const [source, target] = [party('web', 2), party('db', 3)]
  const shared = {
    network: source.attachments[0]!.network,
    source: source.attachments[0]!,
    target: target.attachments[0]!,
  }
  return {
    source,
    target,
    port: 80,
    protocol: 'tcp',
    shared: [shared],
    name: {
      name: 'db',
      by: 'dns',
      addresses: ['10.0.0.3'],
      servers: ['127.0.0.11'],
      rcode: 'NOERROR',
      embedded: true,
      upstreamDead: false,
    },
    right: ['10.0.0.3'],
    elsewhere: [],
    leftOut: false,
    listeners: [listener],
    way: {
      on: shared,
      from: '10.0.0.2',
      to: '10.0.0.3',
      asked: '10.0.0.3',
      sourceWire: wire('web', 2),
      targetWire: wire('db', 3),
      routes: { there: route, back: route },
      strict: { source: false, target: false },
      neighbour: { entry: undefined, answers: [mac(3)] },
      filters: {
        rulesets: new Map(['', '/ns/web', '/ns/db'].map(key => [key, parseRuleset({ nftables: [] })])),
        legacy: new Map(),
        own: 'berth',
        policies: [],
      },
      handedUp: false,
      tracking: [{ where: 'the host', count: 3, max: 100 }],
      sizes: { mtu: 1500, full: true, small: true },
      probe: { outcome: 'connected', errno: '' },
    },
  }
}

type Facts = ReturnType<typeof healthy>

function explain(change: (facts: Facts) => void) {
  const facts = healthy()
  change(facts)
  const report = new Report()
  judgeBetween(report, facts)
  return report.explanation({ from: 'web', to: 'db', port: facts.port, protocol: facts.protocol })
}

const silent = { outcome: 'timed-out', errno: 'ETIMEDOUT' } as const

/** A filter chain with one rule that drops everything. */
const dropping = (family: string, hook: string) =>
  parseRuleset({
    nftables: [
      { table: { family, name: 'strange', handle: 1 } },
      {
        chain: { family, table: 'strange', name: 'guard', handle: 2, type: 'filter', hook, prio: 0, policy: 'accept' },
      },
      { rule: { family, table: 'strange', chain: 'guard', handle: 7, expr: [{ drop: null }] } },
    ],
  })

test('a healthy way is reachable, and each thing on it was looked at in order', () => {
  const { verdict, hops, others } = explain(() => {})
  assert.equal(verdict, 'reachable')
  assert.deepEqual(others, [])
  assert.deepEqual(
    [...new Set(hops.map(hop => hop.kind))],
    [
      'source',
      'target',
      'network',
      'name',
      'link',
      'route',
      'neighbour',
      'filter',
      'conntrack',
      'mtu',
      'listener',
      'connection',
    ],
  )
})

const FAULTS: [string, (facts: Facts) => void, CauseCode][] = [
  [
    'connection tracking full',
    facts => void (facts.way.tracking = [{ where: 'the host', count: 9, max: 9 }]),
    'conntrack-full',
  ],
  ['nobody answers ARP', facts => void (facts.way.neighbour = { entry: undefined, answers: [] }), 'neighbour-failed'],
  [
    'a table of the bridge family drops',
    facts => void (facts.way.filters = withRules(facts, '', dropping('bridge', 'forward'))),
    'filter-drop',
  ],
  [
    'bridged packets handed up meet the tables of the host',
    facts => {
      facts.way.handedUp = true
      facts.way.filters = withRules(facts, '', dropping('inet', 'forward'))
    },
    'filter-drop',
  ],
  [
    'the answers are dropped',
    facts => void (facts.way.filters = withRules(facts, '/ns/web', dropping('ip', 'input'))),
    'filter-drop',
  ],
  [
    'the way back is elsewhere',
    facts => void (facts.way.routes.back = { ...route, device: 'eth1' }),
    'route-elsewhere',
  ],
  [
    'rp_filter is strict and the way back elsewhere',
    facts => {
      facts.way.routes.back = { ...route, device: 'eth1' }
      facts.way.strict.target = true
    },
    'rp-filter',
  ],
  ['bridge gone', facts => void (facts.way.sourceWire.bridge = undefined), 'bridge-missing'],
  ['interface gone', facts => void (facts.way.targetWire.inside = undefined), 'link-missing'],
  ['off the bridge', facts => void (facts.way.targetWire.outside!.master = 0), 'link-missing'],
  ['address gone', facts => void (facts.way.targetWire.addresses = []), 'no-address'],
  ['queue full', facts => void (facts.listeners = [{ ...listener, waiting: 129 }]), 'accept-queue-full'],
]

const withRules = (facts: Facts, key: string, rules: ReturnType<typeof parseRuleset>) => ({
  ...facts.way.filters,
  rulesets: new Map([...facts.way.filters.rulesets, [key, rules] as const]),
})

for (const [name, change, code] of FAULTS) {
  test(`${name}: ${code} when the connection fails, a warning when it is made`, () => {
    const broken = explain(facts => {
      change(facts)
      facts.way.probe = silent
    })
    assert.deepEqual([broken.verdict, broken.cause?.code, broken.others], ['blocked', code, []])
    const works = explain(change)
    assert.deepEqual([works.verdict, works.cause], ['reachable', undefined])
    assert.ok(works.hops.some(hop => hop.status === 'warn'))
  })
}

const STANDING: [string, (facts: Facts) => void, CauseCode][] = [
  ['large packets are lost', facts => void (facts.way.sizes = { mtu: 1500, full: false, small: true }), 'mtu-too-big'],
  ['a second owner of the address', facts => void (facts.way.neighbour.answers = [mac(3), mac(9)]), 'address-clash'],
  ['a replica that its service leaves out', facts => void (facts.leftOut = true), 'target-unhealthy'],
  [
    'a paused target, whose kernel still takes connections',
    facts => void (facts.target.status = 'paused'),
    'target-paused',
  ],
  ['a name that is another', facts => void (facts.name!.addresses = ['10.0.0.99']), 'dns-wrong-answer'],
  [
    'a name that no server answers for',
    facts => Object.assign(facts.name!, { addresses: [], rcode: '' }),
    'dns-server-dead',
  ],
  [
    'a name for which upstream would have to be asked',
    facts => Object.assign(facts.name!, { addresses: [], rcode: '', upstreamDead: true }),
    'name-unknown',
  ],
  [
    "somebody else's DNS servers",
    facts => Object.assign(facts.name!, { addresses: [], embedded: false, servers: ['10.9.9.9'] }),
    'dns-not-embedded',
  ],
]

for (const [name, change, code] of STANDING) {
  test(`${name}: ${code}, though a connection is made`, () => {
    const { verdict, cause } = explain(change)
    assert.deepEqual([verdict, cause?.code], ['blocked', code])
  })
}

test('an interface of the target that also answers is no clash', () => {
  const { verdict } = explain(facts => {
    facts.way.neighbour.answers = [mac(3), mac(8)]
    facts.way.targetWire.macs = [mac(3), mac(8)]
  })
  assert.equal(verdict, 'reachable')
})

test('of two faults the first on the way is the cause, the other comes after it', () => {
  const { cause, others } = explain(facts => {
    facts.way.routes.there = { ...route, kind: 'none' }
    facts.listeners = []
    facts.way.probe = silent
  })
  assert.deepEqual([cause?.code, others.map(other => other.code)], ['no-route', ['not-listening']])
})

test('a connection that fails for nothing that can be seen is unknown', () => {
  const { verdict, cause } = explain(facts => void (facts.way.probe = silent))
  assert.deepEqual([verdict, cause], ['unknown', undefined])
})

test('UDP has no handshake: the listener and the filters decide', () => {
  const udp = (facts: Facts) => {
    facts.protocol = 'udp'
    delete facts.way.probe
  }
  assert.equal(explain(udp).cause?.code, 'listening-other-protocol')
  const bound = explain(facts => {
    udp(facts)
    facts.listeners = [{ ...listener, protocol: 'udp' }]
  })
  assert.equal(bound.verdict, 'reachable')
})
