import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { testNetworking } from '#kernel/testing/networking.ts'
import { systemClock } from '#lib/clock.ts'
import { logger } from '#lib/log.ts'
import { SqliteStore } from '#store/index.ts'
import { Networks } from './networks.ts'
import { lan, sh } from './testing/lan.ts'
import { owner, request, subnet } from './testing/rig.ts'

const OWN = 'BERTH_TEST_OWN_NAMESPACE'
const bind = (HostPort: string, HostIp = '') => [{ HostIp, HostPort }]

/** The service on the real kernel and store; `again` is the same after `kill -9` of the daemon. */
async function machine() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-networks-'))
  const warnings: string[] = []
  const start = (execRoot?: string) => {
    const real = testNetworking({ poolSize: 2, ...(execRoot !== undefined && { execRoot }) })
    const networks = new Networks({
      ...real.networking,
      host: {
        facts: () => assert.fail('not asked'),
        // The client, where nothing listens: a refusal comes at once.
        resolvers: () => ({ nameservers: ['192.0.2.9'], search: [], options: [] }),
        hostsFile: async () => '',
        timezoneFile: () => undefined,
      },
      store: new SqliteStore(path.join(directory, 'berth.db')),
      clock: systemClock(),
      log: logger('warn', line => warnings.push(line)),
      publish: () => {},
      key: 'real',
      bootId: 'boot',
      guardForwarding: true,
      table: 'berth-real',
      bridge: 'berthreal',
      randomHex: bytes => randomBytes(bytes).toString('hex'),
      random: Math.random,
    })
    return { real, networks }
  }
  const first = start()
  await first.networks.recover([], [])
  return { ...first, start, warnings, execRoot: first.real.execRoot, directory }
}

if (process.env[OWN] === undefined) {
  test('on the real kernel, in a network namespace of its own', { timeout: 120_000 }, () => {
    const args = ['-n', process.execPath, '--test-reporter=spec', fileURLToPath(import.meta.url)]
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env
    const result = spawnSync('unshare', args, { encoding: 'utf8', env: { ...env, [OWN]: '1' }, timeout: 110_000 })
    assert.equal(result.status, 0, `${result.stdout}\n${result.stderr}`)
  })
} else {
  await inside()
}

async function inside() {
  const net = lan()
  const m = await machine()
  const { networks } = m
  const up = async (
    name: string,
    requests: Parameters<Networks['plan']>[1],
    more: Parameters<typeof owner>[1] = {},
  ) => {
    const who = owner(name, more)
    const endpoints = await networks.plan(who, requests)
    return { who, ...(await networks.openSandbox(who, endpoints)) }
  }

  await networks.create(request('front'))
  await networks.create(request('back', { internal: true, ...subnet('10.77.0.0/24') }))
  await networks.create(request('six', { enableIPv6: true }))
  const web = await up(
    'web',
    { front: { Aliases: ['www'] } },
    { portBindings: { '80/tcp': bind('8080'), '80/udp': bind('8080'), '81/tcp': bind('8081', '127.0.0.1') } },
  )
  const api = await up('api', { front: { Aliases: ['www'] }, back: {} })
  const plain = await up('plain', { bridge: {} })
  await Promise.all([net.serve(web.sandboxPath, 80), net.serve(web.sandboxPath, 81), net.serve(api.sandboxPath, 80)])
  await net.serve(net.client, 7000)

  test('names: container, alias once each, network suffix, reverse, absent family, TCP', async () => {
    const { ipv4 } = web.endpoints.front!
    assert.deepEqual(await net.dig(api.sandboxPath, 'web'), [ipv4])
    assert.deepEqual(await net.dig(api.sandboxPath, 'WEB.front', '+tcp'), [ipv4])
    assert.deepEqual((await net.dig(api.sandboxPath, 'www')).sort(), [ipv4, api.endpoints.front!.ipv4].sort())
    assert.deepEqual(await net.dig(api.sandboxPath, 'web', 'AAAA'), ['NOERROR'])
    assert.deepEqual(await net.dig(api.sandboxPath, '-x', ipv4), ['web.front.'])
    assert.deepEqual(await net.dig(web.sandboxPath, 'api.back'), ['SERVFAIL'], 'not on that network')
  })

  test('published: the client’s own address is seen, over TCP and UDP', () => {
    assert.equal(net.ask(net.client, '192.0.2.1', 8080), '192.0.2.9')
    assert.equal(net.ask(net.client, '192.0.2.1', 8080, 'udp'), '192.0.2.9')
  })

  test('published: from the machine itself, by its address and by 127.0.0.1', () => {
    assert.equal(net.ask('', '192.0.2.1', 8080), '192.0.2.1')
    assert.notEqual(net.ask('', '127.0.0.1', 8080), '')
    assert.notEqual(net.ask('', '127.0.0.1', 8080, 'udp'), '')
    assert.notEqual(net.ask('', '127.0.0.1', 8081), '')
  })

  for (const nf of ['1', '0']) {
    test(`published: from itself, its network and other networks, by the host’s address (bridge-nf-call-iptables ${nf})`, () => {
      const key = '/proc/sys/net/bridge/bridge-nf-call-iptables'
      if (fs.existsSync(key)) fs.writeFileSync(key, nf)
      assert.notEqual(net.ask(web.sandboxPath, '192.0.2.1', 8080), '', 'itself')
      assert.notEqual(net.ask(api.sandboxPath, '192.0.2.1', 8080), '', 'same network')
      assert.equal(net.ask(plain.sandboxPath, '192.0.2.1', 8080), plain.endpoints.bridge!.ipv4, 'other network')
      assert.equal(net.ask(api.sandboxPath, web.endpoints.front!.ipv4, 80), api.endpoints.front!.ipv4, 'directly')
    })
  }

  test('a port published on 127.0.0.1 is reachable from nowhere else (moby#41872)', () => {
    assert.equal(net.ask(net.client, '192.0.2.1', 8081), '')
    sh(
      `nsenter --net=${net.client} sh -c 'ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.1 via 192.0.2.1 src 192.0.2.9'`,
    )
    assert.equal(net.ask(net.client, '127.0.0.1', 8081), '')
    assert.equal(net.ask(net.client, '127.0.0.1', 8080), '')
  })

  test('isolation: not from another network, not by a route to the container’s address', () => {
    const { ipv4 } = web.endpoints.front!
    assert.equal(net.ask(plain.sandboxPath, ipv4, 80), '')
    assert.equal(net.ask(net.client, ipv4, 80), '')
    assert.notEqual(net.ask('', ipv4, 80), '', 'the host itself may')
  })

  test('out: under the host’s address; not from an internal network', async () => {
    assert.equal(net.ask(web.sandboxPath, '192.0.2.9', 7000), '192.0.2.1')
    const hidden = await up('hidden', { back: {} })
    assert.equal(net.ask(hidden.sandboxPath, '192.0.2.9', 7000), '')
    assert.deepEqual(await net.dig(hidden.sandboxPath, 'api'), [api.endpoints.back!.ipv4])
    assert.deepEqual(await net.dig(hidden.sandboxPath, 'example.org'), ['SERVFAIL'])
    sh(`nsenter --net=${hidden.sandboxPath} ip route add default via 10.77.0.1`)
    assert.equal(net.ask(hidden.sandboxPath, '192.0.2.9', 7000), '', 'not even with a route of its own')
    await networks.closeSandbox(hidden.who.id)
  })

  test('icc=false: no talk between containers, also across bridge-nf-call', async () => {
    await networks.create(request('quiet', { options: { 'com.docker.network.bridge.enable_icc': 'false' } }))
    const [a, b] = [await up('qa', { quiet: {} }), await up('qb', { quiet: {} })]
    await net.serve(a.sandboxPath, 80)
    assert.equal(net.ask(b.sandboxPath, a.endpoints.quiet!.ipv4, 80), '')
    assert.notEqual(net.ask(b.sandboxPath, '192.0.2.9', 7000), '')
    await Promise.all([networks.closeSandbox(a.who.id), networks.closeSandbox(b.who.id)])
    await networks.remove('quiet')
  })

  test('IPv6: addresses, names, published ports', async () => {
    const six = await up('six1', { six: {} }, { portBindings: { '80/tcp': bind('8086') } })
    await net.serve(six.sandboxPath, 80)
    assert.deepEqual(
      six.publishedPorts.map(port => port.hostIp),
      ['0.0.0.0', '::'],
    )
    assert.deepEqual(await net.dig(six.sandboxPath, 'six1', 'AAAA'), [six.endpoints.six!.ipv6])
    assert.equal(net.ask(net.client, 'fd00:2::1', 8086), 'fd00:2::9')
    assert.equal(net.ask(net.client, '192.0.2.1', 8086), '192.0.2.9')
    assert.equal(net.ask(six.sandboxPath, 'fd00:2::9', 7000), 'fd00:2::1')
    await networks.closeSandbox(six.who.id)
  })

  test('connect and disconnect while it runs: interface, route, names, ports', async () => {
    const one = await up('mover', { back: {} }, { portBindings: {} })
    const endpoint = await networks.connect(one.who, 'front', { Aliases: ['late'] }, one.sandboxPath)
    assert.deepEqual(await net.dig(web.sandboxPath, 'late'), [endpoint.ipv4])
    assert.equal(net.ask(one.sandboxPath, '192.0.2.9', 7000), '192.0.2.1', 'the new network is the way out')
    assert.deepEqual(Object.keys(await networks.stats(one.who.id)).sort(), ['eth0', 'eth1'])
    networks.rename(one.who.id, 'renamed')
    assert.deepEqual(await net.dig(web.sandboxPath, 'renamed'), [endpoint.ipv4])
    await networks.disconnect(one.who.id, 'front')
    assert.deepEqual(await net.dig(web.sandboxPath, 'late'), ['SERVFAIL'])
    await networks.closeSandbox(one.who.id)
  })

  test('open and close are fast', async () => {
    const times: number[] = []
    for (let i = 0; i < 20; i++) {
      const who = owner(`fast${i}`, { portBindings: { '80/tcp': bind('') } })
      const endpoints = await networks.plan(who, { front: {} })
      const started = performance.now()
      await networks.openSandbox(who, endpoints)
      times.push(performance.now() - started)
      await networks.closeSandbox(who.id)
      networks.forget(who.id)
    }
    times.sort((a, b) => a - b)
    console.log(
      `openSandbox, one endpoint, one port: median ${times[10]!.toFixed(1)} ms, worst ${times.at(-1)!.toFixed(1)} ms`,
    )
    assert.ok(times[10]! < 100)
  })

  test('ten thousand published ports: one transaction, and they work', async () => {
    const many = owner('many', {
      portBindings: Object.fromEntries(
        Array.from({ length: 10_000 }, (_, i) => [`${20_000 + i}/udp`, bind(String(20_000 + i))]),
      ),
    })
    const started = performance.now()
    const opened = await networks.openSandbox(many, await networks.plan(many, { front: {} }))
    console.log(`10,000 ports: ${(performance.now() - started).toFixed(0)} ms`)
    await net.serve(opened.sandboxPath, 29_999)
    assert.equal(net.ask(net.client, '192.0.2.1', 29_999, 'udp'), '192.0.2.9')
    await networks.closeSandbox(many.id)
  })

  test('a flushed packet filter is back within seconds', async () => {
    sh('nft delete table inet berth-real')
    for (let i = 0; i < 60 && !sh('nft list tables').includes('berth-real'); i++) await systemClock().sleep(100)
    assert.equal(net.ask(net.client, '192.0.2.1', 8080), '192.0.2.9')
  })

  test('after kill -9: what lives goes on, what has no owner is swept', async () => {
    const stray = await up('stray', { front: {} }, { portBindings: { '80/tcp': bind('8090') } })
    const strayBridge = networks.get('six').bridgeName
    // The dead daemon's listeners cannot be closed from here; its objects are simply not used any more.
    const { real, networks: next } = m.start(m.execRoot)
    const live = [web, api, plain].map(({ who, sandboxPath, endpoints, publishedPorts }) => {
      return { owner: who, sandboxPath, endpoints, ports: publishedPorts }
    })
    for (const one of live) m.real.networking.dnsSockets.close(one.sandboxPath)
    await next.recover(live, [])
    await real.networking.links.settled()
    await real.networking.sandboxes.settled()
    assert.equal(net.ask(net.client, '192.0.2.1', 8080), '192.0.2.9')
    assert.deepEqual(await net.dig(api.sandboxPath, 'web'), [web.endpoints.front!.ipv4])
    assert.equal(real.networking.sandboxes.list().length, 3)
    assert.ok(!fs.existsSync(stray.sandboxPath))
    assert.ok(sh('ip link').includes(strayBridge))
    assert.ok(!sh('nft list table inet berth-real').includes('8090'))
    for (const one of live) await next.closeSandbox(one.owner.id)
    for (const name of ['front', 'back', 'six']) await next.remove(name)
    await next.close()
    assert.equal(
      sh('ip -o link')
        .split('\n')
        .filter(line => /veth|br-/.test(line)).length,
      0,
    )
    const left = sh('nft list table inet berth-real')
    assert.ok(!/any4 \{[^}]*elements/.test(left), left)
    await real.close()
  })

  test.after(() => {
    net.close()
    fs.rmSync(m.directory, { recursive: true, force: true })
    // The first daemon is "dead": nothing of it may hold the process.
    setTimeout(() => process.exit(), 100).unref()
  })
}
