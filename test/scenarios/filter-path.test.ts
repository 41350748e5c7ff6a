/** The evaluator of packet filter rules against the kernel itself: the same packets, the same rules, the same verdicts. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { filterAt, parseRuleset } from '#engine/networks/filter-path/index.ts'
import type { FilterVerdict, Packet } from '#engine/networks/filter-path/index.ts'
import { emptyElements, ruleset as ownTable } from '#engine/networks/firewall/ruleset.ts'
import { testNetworking } from '#kernel/testing/networking.ts'
import { Machines } from '../support/machines.ts'

const machines = new Machines()
const { networking, close } = testNetworking({ poolSize: 0 })
const INNER = '10.77.0.2'
let client: string
let server: ReturnType<typeof spawn>

before(async () => {
  client = machines.add('client').address
  machines.add('inner')
  const ip = (machine: string, ...args: string[]) => {
    const { code, stderr } = machines.on(machine, ['ip', ...args])
    assert.equal(code, 0, stderr)
  }
  // Behind the daemon's machine, which routes.
  ip('inner', 'link', 'delete', 'eth0')
  ip('host', 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', machines.name('inner'))
  ip('host', 'addr', 'add', '10.77.0.1/24', 'dev', 'lan0')
  ip('host', 'link', 'set', 'lan0', 'up')
  ip('inner', 'addr', 'add', `${INNER}/24`, 'dev', 'eth0')
  ip('inner', 'link', 'set', 'eth0', 'up')
  ip('inner', 'route', 'add', 'default', 'via', '10.77.0.1')
  machines.on('host', ['sysctl', '-qw', 'net.ipv4.ip_forward=1'])
  const listen =
    "for (const port of [80, 443, 8080]) require('net').createServer(s => s.end()).listen(port, () => console.log(port))"
  server = spawn('nsenter', [`--net=${machines.path('inner')}`, process.execPath, '-e', listen])
  await once(server.stdout!, 'data')
})

after(async () => {
  server.kill()
  await close()
  machines.remove()
})

const forwarded = (port: number): Packet => ({
  family: 4,
  protocol: 'tcp',
  source: client,
  destination: INNER,
  sourcePort: 40_000,
  destinationPort: port,
  iif: 'eth0',
  oif: 'lan0',
  state: 'new',
  dnat: false,
  toLocal: false,
})

const CASES: [name: string, rules: string, port: number][] = [
  ['no rules', '', 80],
  ['policy drop', 'chain f { type filter hook forward priority 0; policy drop; }', 80],
  [
    'a port allowed',
    'chain f { type filter hook forward priority 0; policy drop; ct state established accept; tcp dport 80 accept; }',
    80,
  ],
  [
    'another port',
    'chain f { type filter hook forward priority 0; policy drop; ct state established accept; tcp dport 80 accept; }',
    443,
  ],
  [
    'a set of ports',
    'chain f { type filter hook forward priority 0; policy accept; tcp dport { 22, 400-500 } drop; }',
    443,
  ],
  [
    'beside a set of ports',
    'chain f { type filter hook forward priority 0; policy accept; tcp dport { 22, 400-500 } drop; }',
    80,
  ],
  ['source prefix', 'chain f { type filter hook forward priority 0; ip saddr 10.213.0.0/24 reject; }', 80],
  [
    'not that source',
    'chain f { type filter hook forward priority 0; ct state established accept; ip saddr != 10.213.0.0/24 drop; }',
    80,
  ],
  ['interfaces', 'chain f { type filter hook forward priority 0; iifname "eth*" oifname "lan0" drop; }', 80],
  [
    'jump and return',
    'chain g { ct state established return; tcp dport 80 return; drop; } chain f { type filter hook forward priority 0; jump g; accept; }',
    80,
  ],
  [
    'jump and drop',
    'chain g { ct state established return; tcp dport 80 return; drop; } chain f { type filter hook forward priority 0; jump g; accept; }',
    8080,
  ],
  [
    'goto ends the chain',
    'chain g { counter; } chain f { type filter hook forward priority 0; policy drop; goto g; accept; }',
    80,
  ],
  [
    'verdict map',
    'chain g { drop; } chain f { type filter hook forward priority 0; tcp dport vmap { 80 : accept, 443 : goto g }; }',
    443,
  ],
  [
    'named concatenation',
    'set s { type ipv4_addr . inet_service; flags interval; elements = { 10.77.0.0/24 . 8000-9000 }; } chain f { type filter hook forward priority 0; ip daddr . tcp dport @s drop; }',
    8080,
  ],
  [
    'outside the concatenation',
    'set s { type ipv4_addr . inet_service; flags interval; elements = { 10.77.0.0/24 . 8000-9000 }; } chain f { type filter hook forward priority 0; ip daddr . tcp dport @s drop; }',
    80,
  ],
  [
    'accept of one table is no accept of the next',
    'chain f { type filter hook forward priority -10; accept; } chain g { type filter hook forward priority 10; tcp dport 80 drop; }',
    80,
  ],
  ['state', 'chain f { type filter hook forward priority 0; ct state new drop; }', 80],
  [
    'tcp flags',
    'chain f { type filter hook forward priority 0; tcp flags & (fin | syn | rst | ack) == syn drop; }',
    80,
  ],
  ['mark that nobody set', 'chain f { type filter hook forward priority 0; meta mark != 0 drop; }', 80],
  ['ipv6 rule', 'chain f { type filter hook forward priority 0; ip6 nexthdr tcp drop; meta nfproto ipv6 drop; }', 80],
]

/** nft(8) wants each statement on a line of its own. */
const lines = (rules: string) =>
  rules.replaceAll(/; |(?<=[a-z] )\{ (?=type|tcp|counter|drop)|; \}|\} (?=chain)/g, text => `${text}\n`)

const MORE: typeof CASES = [
  ['a log', 'chain f { type filter hook forward priority 0; tcp dport 80 log; }', 80],
  ['protocols', 'chain f { type filter hook forward priority 0; meta l4proto { tcp, udp } th dport 80 drop; }', 80],
  ['port above', 'chain f { type filter hook forward priority 0; tcp dport > 442 drop; }', 443],
  ['source range', 'chain f { type filter hook forward priority 0; ip saddr 10.213.0.2-10.213.0.9 drop; }', 80],
  ['limit in hand', 'chain f { type filter hook forward priority 0; policy drop; limit rate 1000/second accept; }', 80],
  ['local destination', 'chain f { type filter hook forward priority 0; fib daddr type local drop; }', 80],
  [
    'interface and port',
    'set s { type ifname . inet_service; elements = { "eth0" . 443, "lan0" . 80 }; } chain f { type filter hook forward priority 0; iifname . tcp dport @s drop; }',
    443,
  ],
  ['another family', 'chain f { type filter hook forward priority 0; ip6 daddr ::/0 drop; }', 80],
  ['output is no forward', 'chain f { type filter hook output priority 0; policy drop; }', 80],
]

const FIREWALLD = (zone: string) => `
  chain filter_FORWARD {
    type filter hook forward priority 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ip6 daddr { ::/96, ::ffff:0.0.0.0/96, 2002::/24 } drop
    jump filter_FORWARD_IN_ZONES
    ct state invalid drop
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD_IN_ZONES {
    iifname "eth0" goto filter_FWDI_public
    goto filter_FWDI_trusted
  }
  chain filter_FWDI_public {
    jump filter_FWDI_public_allow
    meta l4proto { icmp, ipv6-icmp } accept
    reject with icmpx admin-prohibited
  }
  chain filter_FWDI_trusted {
    accept
  }
  chain filter_FWDI_public_allow {
    ${zone}
  }`
MORE.push(
  ['firewalld denies', FIREWALLD('ct state new tcp dport 443 accept'), 80],
  ['firewalld allows', FIREWALLD('ct state new tcp dport 443 accept'), 443],
  [
    'firewalld, rich rule',
    FIREWALLD('ip saddr 10.213.0.0/16 ip daddr 10.77.0.2 tcp dport 80 ct state { new, untracked } accept'),
    80,
  ],
)

for (const [name, rules, port] of [...CASES, ...MORE]) {
  test(name, async () => {
    const script = `table inet probe\ndelete table inet probe\ntable inet probe {\n${lines(rules)}\n}\n`
    const { code, stderr } = machines.on('host', ['nft', '-f', '-'], { input: script })
    assert.equal(code, 0, stderr)
    const ruleset = parseRuleset(await networking.inspector.ruleset(machines.path('host')))
    const verdict: FilterVerdict = filterAt(ruleset, 'forward', forwarded(port))
    const { outcome } = await networking.inspector.connect(INNER, port, {
      timeoutMs: 150,
      sandbox: machines.path('client'),
    })
    assert.equal(verdict.verdict, outcome === 'connected' ? 'pass' : 'drop', JSON.stringify(verdict))
    if (verdict.verdict === 'drop') assert.match(verdict.by!.rule, /drop|reject/)
  })
}

test('ingress of a device', async () => {
  const table = 'table netdev probe\ndelete table netdev probe\n'
  const chain = 'chain c {\n type filter hook ingress device "eth0" priority 0; policy accept;\n tcp dport 80 drop\n }'
  const { code, stderr } = machines.on('host', ['nft', '-f', '-'], {
    input: `${table}table netdev probe {\n${chain}\n}\n`,
  })
  assert.equal(code, 0, stderr)
  machines.on('host', ['nft', 'delete', 'table', 'inet', 'probe'])
  const ruleset = parseRuleset(await networking.inspector.ruleset(machines.path('host')))
  const options = { timeoutMs: 150, sandbox: machines.path('client') }
  for (const port of [80, 443]) {
    const { oif: _none, ...packet } = forwarded(port)
    const { outcome } = await networking.inspector.connect(INNER, port, options)
    assert.equal(filterAt(ruleset, 'ingress', packet).verdict, outcome === 'connected' ? 'pass' : 'drop')
    assert.equal(filterAt(ruleset, 'ingress', { ...packet, iif: 'eth1' }).verdict, 'pass')
  }
  machines.on('host', ['nft', 'delete', 'table', 'netdev', 'probe'])
})

const UFW = [
  '-P FORWARD DROP',
  '-N ufw-before-forward',
  '-N ufw-user-forward',
  '-N ufw-skip-to-policy-forward',
  '-A FORWARD -j ufw-before-forward',
  '-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  '-A ufw-before-forward -m conntrack --ctstate INVALID -j DROP',
  '-A ufw-before-forward -p icmp --icmp-type echo-request -j ACCEPT',
  '-A ufw-before-forward -j ufw-user-forward',
  '-A ufw-user-forward -p tcp -d 10.77.0.2 --dport 443 -j ACCEPT',
  '-A ufw-user-forward -p tcp -m multiport --dports 8000:8100,9000 -m comment --comment "a range" -j ACCEPT',
  '-A FORWARD -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "',
  '-A FORWARD -j ufw-skip-to-policy-forward',
  '-A ufw-skip-to-policy-forward -j REJECT --reject-with icmp-port-unreachable',
]

const IPTABLES: [name: string, rules: string[], port: number][] = [
  ['ufw denies', UFW, 80],
  ['ufw allows', UFW, 443],
  ['ufw allows a range', UFW, 8080],
  ['addresses of the host', ['-A FORWARD -m addrtype --dst-type LOCAL -j DROP'], 80],
  ['a range of addresses', ['-A FORWARD -m iprange --dst-range 10.77.0.1-10.77.0.9 -j REJECT'], 80],
  ['not from there', ['-A FORWARD ! -s 10.0.0.0/8 -j DROP', '-A FORWARD -i lan0 -m state --state NEW -j DROP'], 80],
  ['syn', ['-A FORWARD -p tcp --syn --dport 80 -j DROP'], 80],
]

for (const [name, rules, port] of IPTABLES) {
  test(`iptables: ${name}`, { skip: !existsSync('/usr/sbin/iptables-nft') }, async () => {
    machines.on('host', ['nft', 'delete', 'table', 'inet', 'probe'])
    for (const table of ['filter', 'mangle']) machines.on('host', ['nft', 'delete', 'table', 'ip', table])
    const script = rules.map(rule => `iptables-nft ${rule}`).join('\n')
    const { code, stderr } = machines.on('host', ['sh', '-ec', script])
    assert.equal(code, 0, stderr)
    const ruleset = parseRuleset(await networking.inspector.ruleset(machines.path('host')))
    const verdict = filterAt(ruleset, 'forward', forwarded(port))
    const { outcome } = await networking.inspector.connect(INNER, port, {
      timeoutMs: 150,
      sandbox: machines.path('client'),
    })
    assert.equal(verdict.verdict, outcome === 'connected' ? 'pass' : 'drop', JSON.stringify(verdict))
  })
}

test("the engine's own table, as the kernel lists it", async () => {
  const elements = emptyElements()
  for (const bridge of ['br-a', 'br-b', 'br-i']) elements.bridges.set(`"${bridge}"`, '')
  elements.internal.set('"br-i"', '')
  elements.icc.set('"br-a" . "br-a"', '')
  elements.home4.set('"br-a" . 10.1.0.0/16', '')
  elements.home4.set('"br-b" . 10.2.0.0/16', '')
  elements.any4.set('tcp . 8080', '10.1.0.2 . 80')
  for (let slot = 0; slot < 840; slot++) {
    elements.spread_any4.set(`${slot} . tcp . 9090`, `10.1.0.${3 + (slot % 2)} . 80`)
  }
  elements.egress_limited4.set('10.1.0.7', '')
  elements.egress_hosts4.set('10.1.0.7 . 192.0.2.5', '')
  elements.egress_ports4.set('10.1.0.7 . 192.0.2.6 . tcp . 443', '')
  machines.on('host', ['nft', 'flush', 'ruleset'])
  const sandbox = machines.path('host')
  await networking.firewall.apply(ownTable('berth-probe', elements), sandbox)
  const parsed = parseRuleset(await networking.inspector.ruleset(sandbox))
  const ask = (hook: 'prerouting' | 'forward', packet: Partial<Packet>) => {
    const { oif: _none, ...rest } = forwarded(80)
    const { verdict, by, dnat } = filterAt(parsed, hook, { ...rest, ...packet })
    return [verdict, by?.chain, dnat?.address]
  }
  const arriving = { destination: '10.213.0.1', toLocal: true }
  assert.deepEqual(ask('prerouting', { ...arriving, destinationPort: 8080 }), ['pass', undefined, '10.1.0.2'])
  assert.match(String(ask('prerouting', { ...arriving, destinationPort: 9090 })[2]), /^10\.1\.0\.[34]$/)
  assert.deepEqual(ask('prerouting', { ...arriving, destinationPort: 81 }), ['pass', undefined, undefined])
  const leaving = { iif: 'br-a', source: '10.1.0.7', destinationPort: 443 }
  assert.deepEqual(ask('prerouting', { ...leaving, source: '10.9.0.1' }).slice(0, 2), ['drop', 'forged'])
  assert.deepEqual(ask('prerouting', { ...leaving, destination: '192.0.2.9' }).slice(0, 2), ['drop', 'egress4'])
  for (const destination of ['192.0.2.5', '192.0.2.6', '10.1.0.9']) {
    assert.equal(ask('prerouting', { ...leaving, destination })[0], 'pass', destination)
  }
  assert.equal(ask('forward', { iif: 'br-a', oif: 'br-a' })[0], 'pass')
  assert.deepEqual(ask('forward', { iif: 'br-b', oif: 'br-a' }).slice(0, 2), ['drop', 'into_bridge'])
  assert.deepEqual(ask('forward', { oif: 'br-a' }).slice(0, 2), ['drop', 'into_bridge'])
  assert.equal(ask('forward', { oif: 'br-a', dnat: true })[0], 'pass')
  assert.equal(ask('forward', { iif: 'br-a', oif: 'eth0' })[0], 'pass')
  assert.equal(ask('forward', { iif: 'br-i', oif: 'eth0' })[0], 'drop')
})
