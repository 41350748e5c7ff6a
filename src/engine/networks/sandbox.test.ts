import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointRequest } from '#model/config.ts'
import { owner, request, rig, subnet } from './testing/rig.ts'
import type { SandboxOwner } from './service.ts'

type Rig = Awaited<ReturnType<typeof rig>>
const bind = (HostPort: string, HostIp = '') => [{ HostIp, HostPort }]

async function up(r: Rig, name: string, requests: Record<string, EndpointRequest>, more: Partial<SandboxOwner> = {}) {
  const who = owner(name, more)
  return { who, ...(await r.networks.openSandbox(who, await r.networks.plan(who, requests))) }
}

/** What must be the same before a failure and after its undo. */
async function footprint(r: Rig) {
  await r.networks.close()
  const elements = new Map<string, string>()
  for (const { script } of r.firewall.scripts) {
    for (const [, verb, set, keys] of script.matchAll(/^(add|delete) element inet \S+ (\S+) \{ (.*) \}$/gm)) {
      for (const key of keys!.split(', ')) {
        const id = `${set} ${key.split(' : ')[0]}`
        if (verb === 'add') elements.set(id, key)
        else elements.delete(id)
      }
    }
  }
  return {
    links: (await r.links.list()).map(link => link.name).sort(),
    sandboxes: r.sandboxes.list(),
    ports: r.hostPorts.reserved,
    leases: r.store
      .repository<{ address: string }>('leases')
      .list()
      .map(lease => lease.address),
    elements: [...elements.keys()].sort(),
  }
}

test('plan refuses in Docker’s words, and keeps nothing', async () => {
  const r = await rig()
  await r.networks.create(request('auto'))
  await r.networks.create(request('own', subnet('10.5.0.0/24')))
  const before = await footprint(r)
  const ip = (IPv4Address: string) => ({ IPAMConfig: { IPv4Address } })
  const cases: [Record<string, EndpointRequest>, RegExp, Partial<SandboxOwner>?][] = [
    [{ nope: {} }, /^network nope not found$/],
    [{ bridge: ip('172.17.0.9') }, /^user specified IP address is supported on user defined networks only$/],
    [{ default: { Aliases: ['x'] } }, /^network-scoped aliases are only supported for user-defined networks$/],
    [{ auto: ip('172.18.0.9') }, /supported only when connecting to networks with user configured subnets/],
    [
      { own: ip('10.6.0.9') },
      /^invalid config for network own: invalid endpoint settings:\nno configured subnet contains IP address 10\.6\.0\.9$/,
    ],
    [{ own: ip('10.5.0.1') }, /Address already in use: 10\.5\.0\.1 is the gateway/],
    [{ own: ip('10.5.0.256') }, /invalid IPv4 address: 10\.5\.0\.256/],
    [{ own: { MacAddress: '01:00:00:00:00:01' } }, /unicast/],
    [{ own: { MacAddress: 'zz' } }, /invalid MAC address: zz/],
    [{ own: { Links: ['a:b:c'] } }, /bad format for links: a:b:c/],
    [{ none: {}, own: {} }, /one of the networks in private \(none\) mode/],
    [{ host: {}, own: {} }, /cannot be disconnected from host network or connected to host network/],
    [{ own: ip('10.5.0.9') }, /invalid port specification: "99999\/tcp"/, { portBindings: { '99999/tcp': bind('1') } }],
    [{ own: ip('10.5.0.9') }, /bad format for add-host/, { extraHosts: ['x'] }],
    [{ own: ip('10.5.0.9') }, /invalid IP address: dns\.example/, { dns: ['dns.example'] }],
  ]
  for (const [requests, words, more] of cases) {
    await assert.rejects(
      r.networks.plan(owner('c', more), requests),
      (error: Error) => words.test(error.message),
      String(words),
    )
  }
  assert.deepEqual(await footprint(r), before)
})

test('a container gets interfaces in order of priority then name, with one default route, and the names of both', async () => {
  const r = await rig()
  await r.networks.create(request('beta'))
  await r.networks.create(request('alpha', { internal: true }))
  await r.networks.create(request('gamma'))
  const opened = await up(r, 'web', { gamma: {}, beta: { Aliases: ['www'] }, alpha: {} })
  const veths = r.links.calls
    .filter(call => call.verb === 'createVeth')
    .map(call => call.args[0] as { containerName: string; bridge: string; routes: unknown[] })
  const bridges = ['alpha', 'beta', 'gamma'].map(name => r.networks.get(name).bridgeName)
  assert.deepEqual(
    veths.map(veth => [veth.containerName, veth.bridge, veth.routes.length]),
    [
      ['eth0', bridges[0], 0],
      ['eth1', bridges[1], 1],
      ['eth2', bridges[2], 0],
    ],
  )
  assert.deepEqual(Object.keys(opened.endpoints), ['alpha', 'beta', 'gamma'])
  assert.deepEqual(opened.endpoints.beta?.dnsNames, ['web', 'www', opened.who.id.slice(0, 12)])
  assert.equal(opened.endpoints.alpha?.ipv4Gateway, '')
  assert.match(opened.endpoints.beta!.mac, /^02:42:ac:/)
  assert.match(
    opened.resolvConf,
    /^nameserver 127\.0\.0\.11\n.*\noptions ndots:0\n$|^nameserver 127\.0\.0\.11\noptions ndots:0\n$/,
  )
  assert.ok(r.dnsSockets.isListening(opened.sandboxPath))
  const first = await rig()
  await first.networks.create(request('alpha'))
  await first.networks.create(request('beta'))
  const prior = await up(first, 'web', { alpha: {}, beta: { GwPriority: 5 } })
  assert.deepEqual(Object.keys(prior.endpoints), ['beta', 'alpha'])
})

test('host, none and the default network', async () => {
  const r = await rig()
  const host = await up(r, 'h', { host: {} }, { extraHosts: ['me:host-gateway'] })
  assert.deepEqual([host.sandboxPath, host.publishedPorts], ['', []])
  assert.equal(host.hosts, '127.0.0.1\tlocalhost\n172.17.0.1\tme\n')
  const none = await up(r, 'n', { none: {} }, { portBindings: { '80/tcp': bind('80') } })
  assert.notEqual(none.sandboxPath, '')
  assert.deepEqual([none.publishedPorts, none.endpoints.none?.ipv4], [[], ''])
  const plain = await up(r, 'b', { default: {} })
  assert.deepEqual([plain.endpoints.bridge?.ipv4, plain.endpoints.bridge?.dnsNames], ['172.17.0.2', []])
  assert.equal(plain.resolvConf, 'nameserver 192.0.2.53\n')
  assert.equal(r.dnsSockets.isListening(plain.sandboxPath), false)
  const linked = await up(r, 'l', { bridge: {} }, { links: ['b:database'] })
  assert.match(linked.hosts, /172\.17\.0\.2\tdatabase 620000000000 b\n/)
  await assert.rejects(up(r, 'm', { bridge: {} }, { links: ['gone:x'] }), /cannot link to a non running container/)
})

test('whatever step fails, nothing is left', async () => {
  const r = await rig()
  await r.networks.create(request('front', subnet('10.5.0.0/24')))
  const before = await footprint(r)
  const more = { portBindings: { '80/tcp': bind('8080'), '53/udp': bind('') } }
  const failing: [string, () => void, () => void][] = []
  const breakVerb = <T extends object, K extends keyof T>(object: T, verb: K) => {
    const real = object[verb]
    const broken = async () => {
      throw new Error(`no ${String(verb)}`)
    }
    failing.push([String(verb), () => (object[verb] = broken as T[K]), () => (object[verb] = real)])
  }
  breakVerb(r.sandboxes, 'create')
  breakVerb(r.links, 'createVeth')
  breakVerb(r.dnsSockets, 'listen')
  for (const [verb, breakIt, mend] of failing) {
    breakIt()
    await assert.rejects(up(r, 'web', { front: {}, bridge: {} }, more), new RegExp(`no ${verb}`))
    mend()
    r.networks.forget(owner('web').id)
    assert.deepEqual(await footprint(r), before, verb)
  }
  r.hostPorts.occupy('tcp', '0.0.0.0', 8080)
  await assert.rejects(
    up(r, 'web', { front: {} }, more),
    /^BerthError: driver failed programming external connectivity on endpoint web \([0-9a-f]{64}\): failed to bind host port for 0\.0\.0\.0:8080/,
  )
  await up(r, 'web', { front: {} })
})

test('a taken port names its holder; after the holder has stopped it is free', async () => {
  const r = await rig()
  const ports = { portBindings: { '80/tcp': bind('8080') } }
  const first = await up(r, 'first', { bridge: {} }, ports)
  await assert.rejects(
    up(r, 'second', { bridge: {} }, ports),
    /Bind for 0\.0\.0\.0:8080 failed: port is already allocated \(by container first\)/,
  )
  await r.networks.closeSandbox(first.who.id)
  const second = await up(r, 'second', { bridge: {} }, ports)
  assert.deepEqual(second.publishedPorts, [{ containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8080 }])
  assert.match(r.firewall.text(), /add element inet berth-test any4 \{ tcp \. 8080 : 172\.17\.0\.\d+ \. 80 \}/)
})

test('open and close leave things as they were; closing twice is nothing', async () => {
  const r = await rig()
  await r.networks.create(request('front', subnet('10.5.0.0/24')))
  const before = await footprint(r)
  const { who } = await up(r, 'web', { front: {} }, { portBindings: { '80/tcp': bind('127-130', '127.0.0.1') } })
  await r.networks.closeSandbox(who.id)
  await r.networks.closeSandbox(who.id)
  r.networks.forget(who.id)
  assert.deepEqual(await footprint(r), before)
})

test('a static address is its owner’s while the owner is stopped; a successor gets it when the owner goes', async () => {
  const r = await rig()
  await r.networks.create(request('front', subnet('10.5.0.0/29')))
  const wish = { front: { IPAMConfig: { IPv4Address: '10.5.0.2' }, MacAddress: '02:00:00:00:00:77' } }
  const db = await up(r, 'db', wish)
  assert.deepEqual([db.endpoints.front?.ipv4, db.endpoints.front?.mac], ['10.5.0.2', '02:00:00:00:00:77'])
  await r.networks.closeSandbox(db.who.id)
  await r.networks.close()
  const other = await up(r, 'other', { front: {} })
  assert.equal(other.endpoints.front?.ipv4, '10.5.0.3')
  await assert.rejects(up(r, 'db2', wish), /Address already in use: 10\.5\.0\.2 of network front belongs to container/)
  r.networks.forget(db.who.id)
  assert.equal((await up(r, 'db2', wish)).endpoints.front?.ipv4, '10.5.0.2')
})

test('connect and disconnect, running and stopped', async () => {
  const r = await rig()
  await r.networks.create(request('front'))
  await r.networks.create(request('back'))
  const { who, sandboxPath } = await up(r, 'web', { bridge: {} }, { portBindings: { '80/tcp': bind('8080') } })
  const endpoint = await r.networks.connect(who, 'back', { GwPriority: 1 }, sandboxPath)
  assert.match(
    r.firewall.scripts.at(-1)!.script,
    new RegExp(`tcp \\. 8080 : ${endpoint.ipv4.replaceAll('.', '\\.')} \\. 80`),
  )
  assert.ok(r.links.calls.some(call => call.verb === 'replaceRoutes'))
  assert.ok(r.dnsSockets.isListening(sandboxPath))
  assert.match((await r.networks.files(who.id))!.resolvConf, /127\.0\.0\.11/)
  await assert.rejects(r.networks.connect(who, 'back', {}, sandboxPath), {
    kind: 'forbidden',
    message: 'endpoint with name web already exists in network back',
  })
  await assert.rejects(r.networks.connect(who, 'none', {}, sandboxPath), /private \(none\) mode/)
  await assert.rejects(r.networks.connect(who, 'host', {}, sandboxPath), /host network/)
  await r.networks.disconnect(who.id, 'back')
  assert.match(r.firewall.scripts.at(-1)!.script, /tcp \. 8080 : 172\.17\.0\.2 \. 80/)
  await assert.rejects(
    r.networks.disconnect(who.id, 'back'),
    new RegExp(`container ${who.id} is not connected to network back`),
  )
  await assert.rejects(r.networks.disconnect(who.id, 'nope'), { kind: 'not-found' })

  const stopped = owner('stopped')
  await r.networks.plan(stopped, { front: {} })
  const later = await r.networks.connect(stopped, 'back', { Aliases: ['x'] }, '')
  assert.deepEqual([later.endpointId, later.ipv4], ['', ''])
  await r.networks.disconnect(stopped.id, 'front')
  assert.deepEqual(
    r.events.filter(event => event.Action !== 'create').map(event => `${event.Action} ${event.Actor.Attributes.name}`),
    ['connect bridge', 'connect back', 'disconnect back'],
  )
})

test('a restart takes over what lives and sweeps what has no owner', async () => {
  const r = await rig()
  await r.networks.create(request('front', subnet('10.5.0.0/24')))
  const web = await up(r, 'web', { front: {} }, { portBindings: { '80/tcp': bind('8080') } })
  await up(r, 'gone', { front: {} }, { portBindings: { '80/tcp': bind('8081') } })
  const db = owner('db')
  const planned = await r.networks.plan(db, { front: { IPAMConfig: { IPv4Address: '10.5.0.9' } } })

  const next = r.restart()
  await next.recover(
    [{ owner: web.who, sandboxPath: web.sandboxPath, endpoints: web.endpoints, ports: web.publishedPorts }],
    [{ owner: db, endpoints: planned }],
  )
  const whole = r.firewall.scripts.findLast(entry => entry.script.startsWith('add table'))!.script
  assert.match(whole, /tcp \. 8080 : 10\.5\.0\.2 \. 80/)
  assert.doesNotMatch(whole, /8081/)
  assert.equal(r.sandboxes.list().length, 1)
  assert.deepEqual(
    next.attached(next.get('front').id).map(one => one.containerName),
    ['web'],
  )
  assert.deepEqual(
    r.store
      .repository<{ address: string }>('leases')
      .list()
      .map(lease => lease.address)
      .sort(),
    ['10.5.0.2', '10.5.0.9'],
  )
  assert.ok(r.dnsSockets.isListening(web.sandboxPath))
  const again = owner('again', { portBindings: { '80/tcp': bind('8080') } })
  await assert.rejects(
    next.openSandbox(again, await next.plan(again, { front: {} })),
    /already allocated \(by container web\)/,
  )
  await next.closeSandbox(web.who.id)
  await next.remove('front')
})

test('fifty containers at once: different addresses, all published', async () => {
  const r = await rig()
  await r.networks.create(request('front'))
  const opened = await Promise.all(
    Array.from({ length: 50 }, (_, i) => up(r, `c${i}`, { front: {} }, { portBindings: { '80/tcp': bind('') } })),
  )
  assert.equal(new Set(opened.map(one => one.endpoints.front!.ipv4)).size, 50)
  assert.equal(new Set(opened.map(one => one.publishedPorts[0]!.hostPort)).size, 50)
  await Promise.all(opened.map(one => r.networks.closeSandbox(one.who.id)))
  await r.networks.remove('front')
})
