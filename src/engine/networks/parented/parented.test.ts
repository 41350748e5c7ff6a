import assert from 'node:assert/strict'
import { test } from 'node:test'
import { owner, request, rig, subnet } from '../testing/rig.ts'

const LAN = subnet('192.0.2.0/24')
const config = { ipam: { Driver: '', Options: {}, Config: [{ Subnet: '192.0.2.0/24', Gateway: '192.0.2.1' }] } }
const on = (driver: string, options: Record<string, string>, more: object = config) =>
  request(options['name'] ?? 'lan', { driver, options: { parent: 'eth0', ...options }, ...more })

async function up(t: Awaited<ReturnType<typeof rig>>, name: string, requests: Parameters<typeof t.networks.plan>[1]) {
  const who = owner(name)
  return t.networks.openSandbox(who, await t.networks.plan(who, requests))
}
const made = (t: Awaited<ReturnType<typeof rig>>, verb: string) =>
  t.links.calls.filter(call => call.verb === verb).map(call => call.args[0] as Record<string, unknown>)

test('a macvlan child: on the parent, its gateway a router out there; the host’s own address is nobody else’s', async () => {
  const t = await rig()
  t.links.addForeign('eth0', ['192.0.2.2/24'])
  await t.networks.create(on('macvlan', {}))
  const { endpoints } = await up(t, 'web', { lan: {} })
  assert.equal(endpoints.lan!.ipv4, '192.0.2.3')
  const [child] = made(t, 'createChild')
  assert.deepEqual(child!.kind, { kind: 'macvlan', mode: 'bridge' })
  assert.deepEqual([child!.parent, child!.addresses, child!.mtu], ['eth0', ['192.0.2.3/24'], 1500])
  assert.deepEqual(child!.routes, [{ destination: 'default', gateway: '192.0.2.1', family: 4 }])
  assert.deepEqual(made(t, 'ensureLink'), [])
})

test('ipvlan: the parent’s MAC and nobody’s own; routed modes go out by the device', async () => {
  const t = await rig()
  await t.networks.create(on('ipvlan', { ipvlan_mode: 'l3' }))
  const { endpoints } = await up(t, 'web', { lan: {} })
  assert.equal(endpoints.lan!.mac, '02:00:00:00:00:99')
  assert.equal(endpoints.lan!.ipv4Gateway, '')
  const [child] = made(t, 'createChild')
  assert.deepEqual(child!.kind, { kind: 'ipvlan', mode: 'l3', flag: 'bridge' })
  assert.deepEqual([child!.mac, child!.routes], [undefined, [{ destination: 'default', scope: 'link', family: 4 }]])
  await assert.rejects(up(t, 'db', { lan: { MacAddress: '02:00:00:00:00:01' } }), {
    kind: 'invalid',
    message: /ipvlan interfaces do not support custom mac address assignment/,
  })
})

test('a VLAN sub-interface is made for the first network, shared, and removed with the last; a foreign one is left', async () => {
  const t = await rig()
  await t.networks.create(on('macvlan', { name: 'a', parent: 'eth0.50' }, LAN))
  await t.networks.create(on('macvlan', { name: 'b', parent: 'eth0.50' }, subnet('198.51.100.0/24')))
  assert.deepEqual(
    made(t, 'ensureLink').map(({ name, kind, parent }) => ({ name, kind, parent })),
    [{ name: 'eth0.50', kind: { kind: 'vlan', id: 50 }, parent: 'eth0' }],
  )
  const there = async (name: string) => {
    await new Promise(resolve => setImmediate(resolve))
    return (await t.links.find(name)) !== undefined
  }
  await t.networks.remove('a')
  assert.ok(await there('eth0.50'))
  await t.networks.remove('b')
  assert.ok(!(await there('eth0.50')))
  t.links.addForeign('eth0.60')
  await t.networks.create(on('macvlan', { name: 'c', parent: 'eth0.60' }, LAN))
  await t.networks.remove('c')
  assert.ok(await there('eth0.60'))
})

test('what cannot be is refused, and nothing is left', async () => {
  const t = await rig()
  t.links.missing.add('ipvlan')
  await t.networks.create(on('macvlan', { name: 'first' }))
  const cases: [ReturnType<typeof on>, string, RegExp][] = [
    [on('ipvlan', { parent: 'eth0' }), 'not-implemented', /the kernel has no ipvlan/],
    [on('macvlan', { macvlan_mode: 'passthru' }), 'conflict', /network first is already using parent interface eth0/],
    [on('macvlan', { parent: 'wlan0.7' }), 'not-found', /wlan0\.7 was not found on the host \(nor is wlan0\)/],
    [
      on('macvlan', { host_access: 'true', macvlan_mode: 'private' }),
      'invalid',
      /host_access needs macvlan_mode=bridge/,
    ],
    [on('macvlan', { host_access: 'perhaps' }), 'invalid', /"perhaps" is not a boolean/],
    [on('ipvlan', { ipvlan_mode: 'l4' }), 'invalid', /"l4" is none of l2, l3, l3s/],
  ]
  for (const [wish, kind, message] of cases) {
    const other = { ...wish, ...subnet('203.0.113.0/24') }
    await assert.rejects(t.networks.create(other), { kind, message })
  }
  t.links.missing.clear()
  await assert.rejects(t.networks.create({ ...on('ipvlan', {}), ...subnet('203.0.113.0/24') }), {
    kind: 'conflict',
    message: /network first uses parent interface eth0 for macvlan: it takes one kind only/,
  })
  assert.equal(t.networks.list(new Map()).filter(network => !network.builtin).length, 1)
})

test('host_access: the auxiliary address named host is the host’s, and each endpoint has a route', async () => {
  const t = await rig()
  const pool = { Subnet: '198.51.100.0/24', AuxiliaryAddresses: { host: '198.51.100.250' } }
  await t.networks.create(on('macvlan', { host_access: '1' }, { ipam: { Driver: '', Options: {}, Config: [pool] } }))
  const { endpoints } = await up(t, 'web', { lan: {} })
  const [shim] = made(t, 'ensureLink')
  assert.deepEqual([shim!.addresses, shim!.parent], [['198.51.100.250/32'], 'eth0'])
  const device = String(shim!.name)
  const led = async () => (await t.links.routes(4)).filter(route => route.device === device).map(one => one.destination)
  assert.ok((await led()).includes(`${endpoints.lan!.ipv4}/32`))
  await t.networks.closeSandbox(owner('web').id)
  await new Promise(resolve => setImmediate(resolve))
  assert.ok(!(await led()).includes(`${endpoints.lan!.ipv4}/32`))
  await t.networks.remove('lan')
  assert.equal(await t.links.find(device), undefined)
})
