import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { CauseCode, Verdict } from '#model/explain.ts'
import { loadProject } from '../load/load.ts'
import { explain } from './index.ts'

let root: string
before(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-explain-'))
})
after(() => rmSync(root, { recursive: true }))

const FILE = `
services:
  web:
    image: x
    ports: ["8080:80", "127.0.0.1:9000:9000"]
    networks: {front: {aliases: [web.local]}, inner: {aliases: [web.inner]}}
    extra_hosts: ["host.docker.internal:host-gateway", "legacy:10.0.0.9", "peer:api"]
  api: {image: x, expose: ["3000", "53/udp"], networks: [front, back]}
  database: {image: x, networks: [back], expose: ["5432"], container_name: the-database}
  cache: {image: x, networks: [inner], ports: ["6379:6379"]}
  lonely: {image: x, network_mode: none}
  hostly: {image: x, network_mode: host, ports: []}
  sidecar: {image: x, network_mode: "service:api"}
  guest: {image: x, network_mode: "container:other"}
  old1: {image: x, network_mode: bridge}
  old2: {image: x, network_mode: bridge}
  old3: {image: x, network_mode: bridge, links: ["old2:two"]}
  shy1: {image: x, networks: [shy]}
  shy2: {image: x, networks: [shy]}
  swarmy: {image: x, networks: [swarm]}
  wire: {image: x, networks: [wire]}
  remote: {image: x, networks: [elsewhere]}
  fenced: {image: x, networks: [front], x-berth-egress: ["api.example.com:443", "*.trusted.org", "10.0.0.0/8", ":53/udp"]}
  named: {image: x, networks: [front], x-berth-egress: api.example.com:443}
  mute: {image: x, networks: [fence]}
  none: {image: x, deploy: {replicas: 0}, networks: [front]}
  debug: {image: x, profiles: [debug], networks: [front]}
  many: {image: x, deploy: {replicas: 3}, networks: [front]}
  round: {image: x, deploy: {replicas: 3, endpoint_mode: dnsrr}, networks: [front]}
  over1: {image: x, networks: [over1]}
  over1b: {image: x, networks: [over1]}
  clash1: {image: x, networks: {fixed: {ipv4_address: 10.77.0.5}}}
  clash2: {image: x, networks: {fixed: {ipv4_address: 10.77.0.5}}}
  fixed: {image: x, networks: {fixed: {ipv4_address: 10.77.0.6}}}
  astray: {image: x, networks: {astray: {ipv4_address: 10.99.0.5}}}
  astray2: {image: x, networks: [astray]}
  port1: {image: x, ports: ["7000:1"]}
  port2: {image: x, ports: ["7000:2"]}
  plain: {image: x, networks: [plain]}
networks:
  front: {}
  back: {internal: true}
  inner: {internal: true}
  shy: {driver_opts: {com.docker.network.bridge.enable_icc: "false"}}
  swarm: {driver: overlay}
  wire: {driver: macvlan, driver_opts: {parent: eth0}}
  elsewhere: {external: true}
  fence: {x-berth-egress: []}
  over1: {ipam: {config: [{subnet: 10.50.0.0/16}]}}
  over2: {ipam: {config: [{subnet: 10.50.7.0/24}]}}
  fixed: {ipam: {config: [{subnet: 10.77.0.0/24}]}}
  astray: {ipam: {config: [{subnet: 10.88.0.0/24}]}}
  plain: {driver_opts: {com.docker.network.bridge.enable_ip_masquerade: "false"}}
`

async function ask(line: string, text = FILE) {
  const file = join(root, 'compose.yaml')
  writeFileSync(file, text)
  const load = (named: string[]) =>
    loadProject({ files: [file], cwd: root, env: {}, projectName: 'shop', named, warn: () => {} })
  const [from, to, port = '0', protocol = 'tcp'] = line.split(' ') as [string, string, string?, string?]
  const { disabled } = await load([])
  const project = await load([from, to])
  return explain(project, { from, to, port: Number(port), protocol: protocol as 'tcp' }, disabled)
}

const answers: [question: string, verdict: Verdict, code?: CauseCode, words?: RegExp][] = [
  ['web api 3000', 'reachable'],
  ['web api 53 udp', 'reachable'],
  ['web web', 'reachable'],
  ['api web.local', 'reachable'],
  ['cache web.inner', 'reachable'],
  ['api database 5432', 'reachable'],
  ['api the-database 5432', 'reachable'],
  ['web many', 'reachable'],
  ['web round', 'reachable'],
  ['web shop-many-3', 'reachable'],
  ['shy1 shy1', 'reachable'],
  ['old3 two', 'reachable'],
  ['fixed 10.77.0.6', 'reachable'],
  ['sidecar database', 'reachable'],
  ['web internet', 'reachable'],
  ['plain internet', 'reachable'],
  ['hostly internet', 'reachable'],
  ['old1 internet', 'reachable'],
  ['fenced api.example.com 443', 'reachable'],
  ['fenced deep.trusted.org 1', 'reachable'],
  ['fenced 10.1.2.3 22', 'reachable'],
  ['fenced 9.9.9.9 53 udp', 'reachable'],
  ['web host', 'reachable'],
  ['web host.docker.internal 22', 'reachable'],
  ['hostly host', 'reachable'],
  ['host web 80', 'reachable'],
  ['host web 9000', 'reachable'],
  ['host database 5432', 'reachable'],
  ['internet web 8080', 'reachable'],
  ['internet web 80', 'reachable'],
  ['internet hostly 22', 'reachable'],

  ['web database', 'blocked', 'no-shared-network', /^web and database share no network$/],
  ['web legacy', 'reachable'],
  ['cache api', 'blocked', 'no-shared-network'],
  ['api web.inner', 'blocked', 'name-unknown', /is an alias of web on inner only/],
  ['web databse', 'blocked', 'target-not-found', /nothing in the project is called databse/],
  ['lonely web', 'blocked', 'no-network', /^lonely has network_mode none/],
  ['web lonely', 'blocked', 'no-network', /^lonely has network_mode none/],
  ['lonely internet', 'blocked', 'no-network'],
  ['hostly web', 'blocked', 'dns-not-embedded', /web is at 127\.0\.0\.1:8080/],
  ['web hostly', 'blocked', 'name-unknown', /uses the host's network/],
  ['web sidecar', 'blocked', 'name-unknown', /it is reached as api/],
  ['api sidecar', 'blocked', 'name-unknown', /where it is localhost/],
  ['old1 old2', 'blocked', 'dns-not-embedded', /default network bridge, which knows no names/],
  ['old1 web', 'blocked', 'no-shared-network'],
  ['shy1 shy2', 'blocked', 'icc-disabled', /share shy, which lets no container talk/],
  ['swarmy swarmy', 'blocked', 'no-network', /driver overlay needs a swarm/],
  ['none web', 'blocked', 'source-not-running', /scaled to 0/],
  ['web none', 'blocked', 'target-not-running', /scaled to 0/],
  ['web debug', 'blocked', 'target-not-running', /needs profile debug/],
  ['debug web', 'blocked', 'source-not-running', /needs profile debug/],
  [
    'over1 over1b',
    'blocked',
    'subnet-overlap',
    /subnet 10\.50\.0\.0\/16 of network over1 overlaps .* of network over2/,
  ],
  ['clash1 clash2', 'blocked', 'address-clash', /by clash1 and clash2$/],
  ['astray astray2', 'blocked', 'no-address', /10\.99\.0\.5, which is not in subnet 10\.88\.0\.0\/24/],
  ['database internet', 'blocked', 'internal-network', /the internal network back only/],
  ['fenced internet', 'reachable'],
  [
    'named api.example.com 80',
    'blocked',
    'egress-denied',
    /policy of service named does not allow api\.example\.com:80/,
  ],
  ['fenced other.org 443', 'reachable'],
  ['mute 1.1.1.1', 'blocked', 'egress-denied', /policy of network fence/],
  ['wire host', 'blocked', 'host-unreachable'],
  ['host wire', 'blocked', 'host-unreachable'],
  ['internet database', 'blocked', 'port-not-published', /does not publish any port/],
  ['internet web 81', 'blocked', 'port-not-published', /does not publish port 81\/tcp/],
  ['internet web 80 udp', 'blocked', 'port-not-published'],
  ['internet web 9000', 'blocked', 'published-on-loopback', /on 127\.0\.0\.1 only/],
  ['internet cache 6379', 'blocked', 'internal-network', /its ports are not published/],
  ['internet port1', 'blocked', 'port-taken', /port 7000 of the host is published by port2 too/],

  ['guest web', 'unknown'],
  ['web guest', 'unknown'],
  ['guest internet', 'unknown'],
  ['remote internet', 'unknown'],
  ['host host', 'unknown'],
  ['host example.com', 'unknown'],
  ['fixed 10.77.0.99', 'unknown'],
]
for (const [question, verdict, code, words] of answers) {
  test(`${question}: ${code ?? verdict}`, async () => {
    const explanation = await ask(question)
    const seen = [explanation.verdict, explanation.cause?.code]
    assert.deepEqual(seen, [verdict, code], JSON.stringify(explanation, null, 1))
    if (words) assert.match(explanation.cause!.summary, words)
    for (const { detail, subject } of explanation.hops)
      assert.ok(detail !== '' && subject !== '' && !detail.endsWith('.'))
    if (explanation.cause) assert.notEqual(explanation.cause.fix, '')
    assert.equal(
      explanation.hops.some(hop => hop.status === 'fail'),
      verdict === 'blocked',
    )
  })
}

test('one fault does not hide the next', async () => {
  const { cause, others } = await ask('none database')
  assert.deepEqual([cause?.code, ...others.map(one => one.code)], ['source-not-running', 'no-shared-network'])
})

test('hints that do not decide: the port on the host, masquerade, names of egress policies', async () => {
  const warned = async (question: string) =>
    (await ask(question)).hops.filter(hop => hop.status === 'warn').map(hop => `${hop.kind}: ${hop.detail}`)
  assert.deepEqual(await warned('api web 8080'), [
    'port: is published on the host for port 80: between containers ask for 80',
  ])
  assert.match((await warned('plain internet'))[0]!, /^nat: does not masquerade/)
  assert.match((await warned('fenced other.org 443'))[0]!, /^egress: allows .* only, by what DNS answers/)
  assert.match((await warned('api host'))[0]!, /^name: is not in extra_hosts/)
})

test('what the engine knows only when it runs is said to be unknown', async () => {
  const { hops } = await ask('web remote')
  assert.equal(hops.at(-1)!.kind, 'listener')
  const { hops: own } = await ask('remote remote')
  assert.ok(own.some(hop => hop.status === 'skip' && /is external \(elsewhere\)/.test(hop.detail)))
})

test('who asks must exist', async () => {
  await assert.rejects(ask('nobody web'), { kind: 'not-found', message: /no such service: nobody/ })
})
