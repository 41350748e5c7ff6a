import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRuleset } from '#engine/networks/index.ts'
import type { PublishedPort } from '#model/container.ts'
import type { Facts, NetworkFacts } from './facts.ts'
import { firewallChecks } from './firewall-checks.ts'
import { hostChecks } from './host-checks.ts'
import { networkChecks } from './network-checks.ts'
import { PortChecks } from './port-checks.ts'

const link = (name: string, mtu = 1500) => ({
  index: 1,
  name,
  kind: 'bridge',
  mac: '',
  mtu,
  up: true,
  operState: 'up',
  master: 0,
  alias: '',
})
const port: PublishedPort = { containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8080 }
const own = ['prerouting', 'output', 'postrouting', 'forward'].flatMap(name => [
  { chain: { family: 'inet', table: 'berth', name, type: 'filter', hook: name, prio: 0, policy: 'accept' } },
  { rule: { family: 'inet', table: 'berth', chain: name, handle: 1, expr: [{ counter: null }] } },
])
const map = {
  map: {
    family: 'inet',
    table: 'berth',
    name: 'any4',
    elem: [[{ concat: ['tcp', 8080] }, { concat: ['172.17.0.2', 80] }]],
  },
}
const network: NetworkFacts = {
  name: 'shop',
  bridge: 'br-shop',
  internal: false,
  link: link('br-shop'),
  subnets: [
    {
      family: 4,
      cidr: '172.17.0.0/16',
      gateway: '172.17.0.1',
      inside: '172.17.0.2',
      way: { kind: 'unicast', device: 'br-shop', gateway: '', source: '172.17.0.1' },
    },
  ],
}

function facts(objects: object[] = [], more: Partial<Facts> = {}): Facts {
  return {
    table: 'berth',
    ruleset: parseRuleset({ nftables: [...own, map, ...objects] }),
    legacy: [],
    sysctl: () => '1',
    conntrack: { count: 10, max: 1000 },
    links: [link('eth0'), link('br-shop')],
    routes: { 4: [{ destination: 'default', device: 'eth0' }], 6: [] },
    addresses: [{ device: 'eth0', address: '198.51.100.7/24' }],
    listeners: [],
    networks: [network],
    published: [{ container: 'web', port }],
    bridges: new Map([['172.17.0.2', 'br-shop']]),
    ...more,
  }
}
const firewalld = [
  {
    chain: { family: 'inet', table: 'firewalld', name: 'f', type: 'filter', hook: 'forward', prio: 10, policy: 'drop' },
  },
]
const of = (given: Facts) => new PortChecks(given).check({ container: 'web', port })
const named = (given: Facts, check: string) =>
  [...hostChecks(given), ...networkChecks(given, network)].find(one => one.check === check)

test('nothing is the matter', () => {
  const given = facts()
  const all = [...hostChecks(given), ...firewallChecks(given), ...networkChecks(given, network), of(given)]
  assert.deepEqual(
    all.filter(one => one.status !== 'ok'),
    [],
  )
})

test('settings of the host', () => {
  assert.equal(named(facts([], { sysctl: () => '0' }), 'forwarding of IPv4')?.status, 'fail')
  assert.equal(named(facts([], { conntrack: { count: 950, max: 1000 } }), 'connection tracking')?.status, 'warn')
  const full = named(facts([], { conntrack: { count: 1000, max: 1000 } }), 'connection tracking')
  assert.deepEqual([full?.status, full?.fix], ['fail', 'sysctl -w net.netfilter.nf_conntrack_max=4000'])
  const routes = ['eth0', 'wlan0'].map(device => ({ destination: 'default', device }))
  const strict = named(facts([], { routes: { 4: routes, 6: [] } }), 'reverse path filter')
  assert.match(strict!.detail, /wlan0/)
  assert.equal(strict!.status, 'warn')
  assert.equal(named(facts([], { legacy: ['ip filter'] }), 'legacy iptables')?.status, 'warn')
})

test('a table of its own that is gone, or was emptied', () => {
  const gone = named(facts([], { ruleset: parseRuleset({ nftables: [] }) }), 'own table')
  assert.deepEqual([gone?.status, gone?.fix], ['fail', ''])
  const chains = own.filter(one => 'chain' in one)
  const emptied = named(facts([], { ruleset: parseRuleset({ nftables: chains }) }), 'own table')
  assert.match(emptied!.detail, /was changed by another program/)
})

test('firewalld is known by its table, and asked in its own words', () => {
  const given = facts(firewalld)
  assert.equal(of(given).status, 'fail')
  assert.equal(
    of(given).fix,
    'firewall-cmd --permanent --add-forward-port=port=8080:proto=tcp:toport=80:toaddr=172.17.0.2 && firewall-cmd --reload',
  )
  const egress = named(given, 'egress of shop')
  assert.equal(egress?.fix, 'firewall-cmd --permanent --zone=trusted --add-interface=br-shop && firewall-cmd --reload')
  assert.match(firewallChecks(given)[0]!.detail, /chain f of table inet firewalld .*policy drop/)
})

test('a port that nothing translates, that another table takes, or on which a program listens', () => {
  const bare = facts([], { ruleset: parseRuleset({ nftables: own }) })
  assert.match(of(bare).detail, /is not translated/)
  const stolen = facts([
    { chain: { family: 'ip', table: 'nat', name: 'P', type: 'nat', hook: 'prerouting', prio: -100, policy: 'accept' } },
    { rule: { family: 'ip', table: 'nat', chain: 'P', handle: 2, expr: [{ dnat: { addr: '10.9.9.9', port: 1 } }] } },
  ])
  assert.match(of(stolen).detail, /another table translates .* to 10\.9\.9\.9:1/)
  const listener = { protocol: 'tcp', port: 8080, address: '::', v6only: false, waiting: 0, backlog: 1 } as const
  assert.equal(of(facts([], { listeners: [listener] })).status, 'warn')
})

test('packets within a network meet the forward chains while bridge-nf is on', () => {
  const drops = [
    { chain: { family: 'ip', table: 'f', name: 'c', type: 'filter', hook: 'forward', prio: 0, policy: 'drop' } },
  ]
  const within = named(facts(drops), 'within shop')
  assert.deepEqual([within?.status, within?.fix], ['fail', 'sysctl -w net.bridge.bridge-nf-call-iptables=0'])
  const off = facts(drops, { sysctl: key => (key.startsWith('net.bridge') ? '0' : '1') })
  assert.equal(named(off, 'within shop'), undefined)
})

test('a route of the host over the subnet, a bridge that is gone', () => {
  const way = { kind: 'unicast', device: 'tun0', gateway: '', source: '' } as const
  const elsewhere = { ...network, subnets: [{ ...network.subnets[0]!, way }] }
  const overlap = networkChecks(facts(), elsewhere).find(one => one.check === 'subnet of shop')
  assert.match(overlap!.detail, /goes through tun0/)
  assert.match(networkChecks(facts(), { ...network, link: undefined })[0]!.detail, /does not exist/)
})
