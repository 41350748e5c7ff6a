import assert from 'node:assert/strict'
import { test } from 'node:test'
import { owner, request, rig, subnet } from './testing/rig.ts'
import type { CreateNetwork } from './service.ts'

const filters = (entries: Record<string, string[]> = {}) => new Map(Object.entries(entries))

test('a first start makes bridge, host and none', async () => {
  const { networks, links } = await rig()
  const shown = networks.list(filters()).map(one => [one.name, one.driver, one.builtin])
  assert.deepEqual(shown.sort(), [
    ['bridge', 'bridge', true],
    ['host', 'host', true],
    ['none', 'null', true],
  ])
  const bridge = networks.get('bridge')
  assert.deepEqual(bridge.ipam.Config, [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }])
  assert.equal(bridge.options['com.docker.network.bridge.name'], 'berth0')
  assert.equal((await links.find('berth0'))?.alias, `berth:test:${bridge.id}`)
  assert.deepEqual(await links.addresses().then(all => all.filter(one => one.device === 'berth0')), [
    { device: 'berth0', address: '172.17.0.1/16' },
  ])
})

test('networks are found by name, id and unique prefix', async () => {
  const { networks } = await rig()
  const { network } = await networks.create(request('front'))
  assert.equal(networks.get('front').id, network.id)
  assert.equal(networks.get(network.id.slice(0, 8)).id, network.id)
  assert.throws(() => networks.get('nope'), { kind: 'not-found', message: 'network nope not found' })
  assert.throws(() => networks.get(''), { kind: 'not-found' })
  assert.throws(() => networks.get('0'), /ambiguous/)
})

test('bad networks are refused, and nothing is left of them', async () => {
  const { networks, links } = await rig()
  await networks.create(request('taken', subnet('10.5.0.0/16')))
  const before = networks.list(filters()).length
  links.calls.length = 0
  const cases: [Partial<CreateNetwork>, string, RegExp][] = [
    [{ name: 'taken' }, 'conflict', /^network with name taken already exists$/],
    [{ name: '' }, 'invalid', /cannot be empty/],
    [{ name: 'bridge' }, 'forbidden', /^operation is not permitted on predefined bridge network$/],
    [{ name: 'default' }, 'forbidden', /predefined default network/],
    ...['a/b', '-a', 'a b', '../x', 'a..b', 'é', 'x'.repeat(300), 'container'].map(
      name => [{ name }, 'invalid', /./] as [Partial<CreateNetwork>, string, RegExp],
    ),
    [{ driver: 'macvlan', options: { parent: 'eth9' } }, 'not-found', /parent interface eth9 was not found/],
    [{ driver: 'macvlan', options: { parent: 'lo' } }, 'invalid', /loopback interface is not a valid macvlan parent/],
    [{ driver: 'macvlan', options: { macvlan_mode: 'odd' } }, 'invalid', /"odd" is none of bridge, private, vepa/],
    [{ driver: 'weave' }, 'not-found', /plugin "weave" not found/],
    [{ driver: 'host' }, 'forbidden', /only one instance of "host" network is allowed/],
    [{ driver: 'null' }, 'forbidden', /only one instance of "null" network is allowed/],
    [{ enableIPv4: false }, 'invalid', /IPv4 or IPv6 must be enabled/],
    [{ ipam: { Driver: 'dhcp', Options: {}, Config: [] } }, 'not-found', /IPAM plugin "dhcp"/],
    [subnet('10.5.1.0/24'), 'forbidden', /Pool overlaps with other one on this address space.*network taken/],
    [subnet('10.6.0.1/24'), 'invalid', /it should be 10.6.0.0\/24/],
    [{ options: { 'com.docker.network.bridge.enable_icc': 'maybe' } }, 'invalid', /enable_icc/],
    [{ options: { 'com.docker.network.driver.mtu': 'big' } }, 'invalid', /mtu/],
    [{ options: { 'com.docker.network.driver.mtu': '67' } }, 'invalid', /mtu/],
    [{ options: { 'com.docker.network.bridge.name': 'eth0' } }, 'conflict', /interface eth0 exists already/],
    [{ options: { 'com.docker.network.bridge.name': 'a/b' } }, 'invalid', /interface name/],
  ]
  for (const [more, kind, words] of cases) {
    await assert.rejects(
      networks.create(request('fine', more)),
      (error: Error & { kind?: string }) => error.kind === kind && words.test(error.message),
      JSON.stringify(more).slice(0, 100),
    )
  }
  assert.equal(networks.list(filters()).length, before)
  assert.deepEqual(
    links.calls.filter(call => call.verb === 'ensureBridge'),
    [],
  )
})

test('networks made at once get different subnets, and one name only once', async () => {
  const { networks } = await rig()
  const made = await Promise.allSettled([
    ...Array.from({ length: 20 }, (_, i) => networks.create(request(`n${i}`))),
    networks.create(request('n0')),
  ])
  assert.equal(made.filter(one => one.status === 'rejected').length, 1)
  const subnets = networks.list(filters()).flatMap(one => one.ipam.Config.map(pool => pool.Subnet))
  assert.equal(new Set(subnets).size, 21)
})

test('a network that the kernel refuses leaves nothing', async () => {
  const { networks, links, firewall } = await rig()
  const ensure = links.ensureBridge.bind(links)
  links.ensureBridge = async () => {
    throw new Error('no')
  }
  await assert.rejects(networks.create(request('front', subnet('10.5.0.0/24'))), /no/)
  links.ensureBridge = ensure
  assert.throws(() => networks.get('front'), { kind: 'not-found' })
  assert.match(firewall.scripts.at(-1)!.script, /delete element inet berth-test masquerade4 \{ 10\.5\.0\.0\/24 \}/)
  await networks.create(request('front', subnet('10.5.0.0/24')))
})

test('IPv6 gets a unique local subnet unless one is given', async () => {
  const { networks } = await rig()
  const { network } = await networks.create(request('six', { enableIPv6: true }))
  assert.equal(network.ipam.Config.length, 2)
  assert.match(network.ipam.Config[1]!.Subnet, /^fd[0-9a-f]{2}:.*::\/64$/)
  const only = await networks.create(request('only', { enableIPv4: false, enableIPv6: true, ...subnet('fd01::/64') }))
  assert.deepEqual(only.network.ipam.Config, [{ Subnet: 'fd01::/64', Gateway: 'fd01::1' }])
  const endpoints = await networks.plan(owner('a'), { only: {} })
  const opened = await networks.openSandbox(owner('a'), endpoints)
  assert.deepEqual([opened.endpoints.only?.ipv4, opened.endpoints.only?.ipv6], ['', 'fd01::2'])
})

test('list filters', async () => {
  const { networks } = await rig()
  await networks.create(request('alpha', { labels: { env: 'prod' } }))
  const { network } = await networks.create(request('beta'))
  await networks.openSandbox(owner('c'), await networks.plan(owner('c'), { beta: {} }))
  const names = (entries: Record<string, string[]>) =>
    networks
      .list(filters(entries))
      .map(one => one.name)
      .sort()
  assert.deepEqual(names({ driver: ['null'] }), ['none'])
  assert.deepEqual(names({ name: ['alp', 'bet'] }), ['alpha', 'beta'])
  assert.deepEqual(names({ id: [network.id.slice(0, 10)] }), ['beta'])
  assert.deepEqual(names({ label: ['env=prod'] }), ['alpha'])
  assert.deepEqual(names({ type: ['custom'] }), ['alpha', 'beta'])
  assert.deepEqual(names({ scope: ['swarm'] }), [])
  assert.deepEqual(names({ dangling: ['true'] }), ['alpha'])
  assert.deepEqual(names({ dangling: ['false'] }), ['beta', 'bridge', 'host', 'none'])
  assert.throws(() => names({ colour: ['red'] }), /invalid filter 'colour'/)
  assert.throws(() => names({ type: ['mine'] }), { kind: 'invalid' })
})

test('remove: not builtin ones, not used ones; then the subnet is free again', async () => {
  const { networks, links, events } = await rig()
  const { network } = await networks.create(request('front', subnet('10.5.0.0/24')))
  await networks.openSandbox(owner('web'), await networks.plan(owner('web'), { front: {} }))
  await assert.rejects(networks.remove('bridge'), /^BerthError: bridge is a pre-defined network and cannot be removed$/)
  await assert.rejects(networks.remove('front'), {
    kind: 'forbidden',
    message: new RegExp(
      `^error while removing network: network front id ${network.id} has active endpoints \\(name:"web"`,
    ),
  })
  assert.deepEqual(
    networks.attached(network.id).map(one => one.containerName),
    ['web'],
  )
  await networks.closeSandbox(owner('web').id)
  await networks.remove(network.id.slice(0, 12))
  assert.equal(await links.find(network.bridgeName), undefined)
  assert.deepEqual(
    events.map(event => event.Action),
    ['create', 'connect', 'disconnect', 'destroy'],
  )
  await networks.create(request('again', subnet('10.5.0.0/24')))
})

test('prune takes what is unused and old enough', async () => {
  const { networks } = await rig()
  await networks.create(request('used'))
  await networks.create(request('keep', { labels: { keep: '' } }))
  await networks.create(request('gone'))
  await networks.openSandbox(owner('web'), await networks.plan(owner('web'), { used: {} }))
  assert.deepEqual(await networks.prune(filters({ until: ['1h'] })), [])
  assert.deepEqual(await networks.prune(filters({ 'label!': ['keep'] })), ['gone'])
  await assert.rejects(networks.prune(filters({ until: ['soon'] })), /invalid filter 'until=soon'/)
  assert.deepEqual(
    networks.list(filters({ type: ['custom'] })).map(one => one.name),
    ['used', 'keep'],
  )
})
