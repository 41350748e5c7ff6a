import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import fs from 'node:fs'
import { test } from 'node:test'
import type { VethSpec } from '#ports/links.ts'
import { testNetworking } from '#kernel/testing/networking.ts'

type Net = ReturnType<typeof testNetworking>

async function withBridge(body: (t: Net, spec: (last: number, sandbox: string) => VethSpec) => Promise<void>) {
  const t = testNetworking()
  const bridge = `${t.prefix}br`
  const spec = (last: number, sandbox: string): VethSpec => ({
    hostName: `${t.prefix}v${last}`,
    bridge,
    sandbox,
    containerName: 'eth0',
    mac: `02:42:0a:fb:09:0${last}`,
    addresses: [`10.251.9.${last}/24`, `fd00:251:9::${last}/64`],
    routes: [
      { destination: 'default', gateway: '10.251.9.1' },
      { destination: 'default', gateway: 'fd00:251:9::1' },
      { destination: '10.99.0.0/16', gateway: '192.0.2.1', device: 'eth0' },
      { destination: '192.0.2.1/32', scope: 'link' },
    ],
  })
  try {
    await t.networking.links.ensureBridge({
      name: bridge,
      addresses: ['10.251.9.1/24', 'fd00:251:9::1/64'],
      alias: 'berth:test',
    })
    await body(t, spec)
  } finally {
    t.networking.links.deleteLink(bridge)
    await t.close()
  }
}

const ping = (from: string, to: string) =>
  spawnSync('nsenter', [`--net=${from}`, 'busybox', 'ping', '-c1', '-W1', to], { encoding: 'utf8' })

test('two endpoints and their gateway reach each other at once, over IPv4 and IPv6', async () => {
  await withBridge(async ({ networking }, spec) => {
    const [a, b] = [await networking.sandboxes.create('a'), await networking.sandboxes.create('b')]
    await Promise.all([networking.links.createVeth(spec(2, a)), networking.links.createVeth(spec(3, b))])
    for (const target of ['10.251.9.3', 'fd00:251:9::3', '10.251.9.1', 'fd00:251:9::1', '127.0.0.1']) {
      const { status, stdout, stderr } = ping(a, target)
      assert.equal(status, 0, `${target}: ${stdout}${stderr}`)
    }
    const routes = await networking.links.routes(4, a)
    assert.ok(routes.some(route => route.destination === '10.99.0.0/16' && route.gateway === '192.0.2.1'))
    const six = await networking.links.routes(6, a)
    assert.ok(six.some(route => route.destination === 'default' && route.gateway === 'fd00:251:9::1'))
    const { eth0 } = await networking.links.stats(a)
    assert.ok(eth0 && eth0.rxPackets >= 4 && eth0.txBytes > 0)
  })
})

test('isolated ports reach the gateway, but not each other', async () => {
  await withBridge(async ({ networking }, spec) => {
    const [a, b] = [await networking.sandboxes.create('a'), await networking.sandboxes.create('b')]
    await networking.links.createVeth({ ...spec(2, a), isolated: true })
    await networking.links.createVeth({ ...spec(3, b), isolated: true })
    assert.equal(ping(a, '10.251.9.1').status, 0)
    assert.notEqual(ping(a, '10.251.9.3').status, 0)
  })
})

test('port settings, alias and sysctls are as asked; without an IPv6 address there is no IPv6', async () => {
  await withBridge(async ({ networking, prefix }, spec) => {
    const a = await networking.sandboxes.create('a')
    const { addresses, routes, ...rest } = spec(2, a)
    await networking.links.createVeth({
      ...rest,
      addresses: addresses.slice(0, 1),
      routes: routes.slice(0, 1),
      hairpin: true,
      alias: 'berth:test:endpoint',
      sysctls: { 'net.ipv4.conf.IFNAME.log_martians': '1' },
    })
    const port = (key: string) => fs.readFileSync(`/sys/class/net/${prefix}v2/brport/${key}`, 'utf8').trim()
    assert.equal(port('hairpin_mode'), '1')
    assert.equal(port('isolated'), '0')
    assert.equal((await networking.links.find(`${prefix}v2`))?.alias, 'berth:test:endpoint')
    const sysctl = '/proc/sys/net/ipv4/conf/eth0/log_martians'
    assert.equal(
      networking.namespaces.enter(a, () => fs.readFileSync(sysctl, 'utf8').trim()),
      '1',
    )
    const own = (await networking.links.addresses(a)).filter(({ device }) => device === 'eth0')
    assert.deepEqual(own, [{ device: 'eth0', address: '10.251.9.2/24' }])
  })
})

test('an endpoint that fails inside is gone outside too, and the kernel says why', async () => {
  await withBridge(async ({ networking, prefix }, spec) => {
    const a = await networking.sandboxes.create('a')
    const bad = { ...spec(2, a), routes: [{ destination: 'default', gateway: '203.0.113.1' }] }
    await assert.rejects(networking.links.createVeth(bad), {
      message: /^add route default: network is unreachable \(Nexthop has invalid gateway\)$/,
    })
    assert.equal(await networking.links.find(`${prefix}v2`), undefined)
    assert.equal(await networking.links.find('eth0', a), undefined)
    await networking.links.createVeth(spec(2, a))
  })
})

test('a wrong spec is refused before anything is made', async () => {
  await withBridge(async ({ networking, prefix }, spec) => {
    const a = await networking.sandboxes.create('a')
    const wrong: Partial<VethSpec>[] = [
      { mac: '02:42' },
      { addresses: ['10.251.9.300/24'] },
      { addresses: ['10.251.9.2/33'] },
      { hostName: 'a-name-of-17-byte' },
      { containerName: 'with space' },
      { routes: [{ destination: '10.0.0.0/8', gateway: 'fd00::1' }] },
    ]
    for (const part of wrong) {
      await assert.rejects(networking.links.createVeth({ ...spec(2, a), ...part }), { kind: 'invalid' })
    }
    assert.equal(await networking.links.find(`${prefix}v2`), undefined)
  })
})

test('a link of another kind is not taken for a bridge', async () => {
  await withBridge(async ({ networking, prefix }, spec) => {
    await networking.links.createVeth(spec(2, await networking.sandboxes.create('a')))
    const ensured = networking.links.ensureBridge({ name: `${prefix}v2`, addresses: [], alias: 'x' })
    await assert.rejects(ensured, { message: /is a veth, not a bridge/ })
  })
})

test('an announcement leaves the interface', async () => {
  await withBridge(async ({ networking }, spec) => {
    const a = await networking.sandboxes.create('a')
    await networking.links.createVeth(spec(2, a))
    const sent = async () => (await networking.links.stats(a)).eth0?.txPackets ?? 0
    const before = await sent()
    await networking.links.announce(a, 'eth0', '10.251.9.2', '02:42:0a:fb:09:02')
    await networking.links.announce(a, 'eth0', 'fd00:251:9::2', '02:42:0a:fb:09:02')
    assert.ok((await sent()) >= before + 2)
  })
})

test('the first port of a bridge that had lost all of them is of use at once', async () => {
  await withBridge(async ({ networking, prefix }, spec) => {
    const server = dgram.createSocket('udp4').bind(0, '10.251.9.1')
    await once(server, 'listening')
    server.on('message', (message, from) => server.send(message, from.port, from.address))
    try {
      for (let round = 2; round < 8; round++) {
        const sandbox = await networking.sandboxes.create(`s${round}`)
        await networking.links.createVeth(spec(round, sandbox))
        const upstream = `10.251.9.1:${server.address().port}`
        await networking.dnsSockets.ask(upstream, Buffer.from('x'), { timeoutMs: 500, sandbox })
        networking.links.deleteLink(`${prefix}v${round}`)
        networking.sandboxes.remove(`s${round}`)
        await networking.links.settled()
      }
    } finally {
      server.close()
    }
  })
})
