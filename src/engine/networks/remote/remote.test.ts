import assert from 'node:assert/strict'
import { test } from 'node:test'
import { owner, request, rig } from '../testing/rig.ts'

type Answers = Record<string, Record<string, unknown> | ((body: unknown) => Record<string, unknown>)>

/** The service with a plugin `wires` that answers as told, and `{}` to everything else. */
async function withPlugin(answers: Answers) {
  const t = await rig()
  const told: Answers = {
    'Plugin.Activate': { Implements: ['NetworkDriver', 'IpamDriver'] },
    'NetworkDriver.Join': { InterfaceName: { SrcName: 'theirs', DstPrefix: 'eth' }, Gateway: '10.9.0.254' },
    ...answers,
  }
  t.plugins.handlers.set('wires', (method, body) => {
    const answer = told[method] ?? {}
    return typeof answer === 'function' ? answer(body) : answer
  })
  t.links.addForeign('theirs')
  const pools = { ipam: { Driver: '', Options: {}, Config: [{ Subnet: '10.9.0.0/24' }] } }
  const create = (more: object = {}) => t.networks.create(request('net', { driver: 'wires:latest', ...pools, ...more }))
  const start = async (name: string) => {
    const who = owner(name)
    return t.networks.openSandbox(who, await t.networks.plan(who, { net: {} }))
  }
  const methods = () => t.plugins.calls.map(call => call.method.replace('NetworkDriver.', ''))
  return { ...t, create, start, methods }
}

test('the plugin is asked in order; its gateway is the way out; all is given back', async () => {
  const t = await withPlugin({})
  await t.create()
  const { endpoints, sandboxPath } = await t.start('web')
  assert.equal(endpoints.net!.ipv4Gateway, '10.9.0.254')
  assert.ok((await t.links.routes(4, sandboxPath)).some(route => route.gateway === '10.9.0.254'))
  await t.networks.closeSandbox(owner('web').id)
  await new Promise(resolve => setTimeout(resolve, 5))
  await t.networks.remove('net')
  assert.deepEqual(t.methods(), [
    'Plugin.Activate',
    'GetCapabilities',
    'CreateNetwork',
    'CreateEndpoint',
    'Join',
    'Leave',
    'DeleteEndpoint',
    'DeleteNetwork',
  ])
  assert.ok(t.plugins.calls.every(call => call.name === 'wires'))
})

test('answers that make no sense are errors that name the plugin, and the endpoint is taken back', async () => {
  const cases: [Answers, RegExp, string[]][] = [
    [
      { 'NetworkDriver.CreateEndpoint': { Interface: { Address: 'here' } } },
      /"here" is not an address/,
      ['DeleteEndpoint'],
    ],
    [{ 'NetworkDriver.CreateEndpoint': { Interface: { MacAddress: 'x' } } }, /"x" is not a MAC/, ['DeleteEndpoint']],
    [
      { 'NetworkDriver.CreateEndpoint': { Interface: { Address: '10.9.0.77/24' } } },
      /address 10\.9\.0\.77\/24 instead of 10\.9\.0\.2\/24/,
      ['DeleteEndpoint'],
    ],
    [{ 'NetworkDriver.Join': {} }, /it names no interface/, ['Join', 'Leave', 'DeleteEndpoint']],
    [
      { 'NetworkDriver.Join': { InterfaceName: { SrcName: 'nobody' } } },
      /find link nobody: no such device/,
      ['Join', 'Leave', 'DeleteEndpoint'],
    ],
    [
      { 'NetworkDriver.Join': { InterfaceName: { SrcName: 'theirs' }, Gateway: 'fd00::1' } },
      /gateway "fd00::1" is no IPv4 address/,
      ['Join', 'Leave', 'DeleteEndpoint'],
    ],
    [
      { 'NetworkDriver.Join': { InterfaceName: { SrcName: 'theirs' }, StaticRoutes: [{ Destination: 'there' }] } },
      /route there via {2}makes no sense/,
      ['Join', 'Leave', 'DeleteEndpoint'],
    ],
  ]
  for (const [answers, message, undone] of cases) {
    const t = await withPlugin(answers)
    await t.create()
    await assert.rejects(t.start('web'), { kind: 'system', message })
    const after = t.methods().slice(t.methods().indexOf('CreateEndpoint') + 1)
    assert.deepEqual(after, undone, String(message))
    await t.networks.closeSandbox(owner('web').id)
    assert.equal(t.networks.attached(t.networks.get('net').id).length, 0)
  }
})

test('a network that its plugin refuses is not there, and its pools are given back', async () => {
  const refuse = () => {
    throw new Error('no')
  }
  const t = await withPlugin({
    'NetworkDriver.CreateNetwork': refuse,
    'IpamDriver.GetDefaultAddressSpaces': { LocalDefaultAddressSpace: 'here' },
    'IpamDriver.RequestPool': {
      PoolID: 'p1',
      Pool: '10.8.0.0/24',
      Data: { 'com.docker.network.gateway': '10.8.0.1/24' },
    },
  })
  const ipam = { Driver: 'wires', Options: {}, Config: [] }
  await assert.rejects(t.create({ ipam }), /no/)
  assert.throws(() => t.networks.get('net'), { kind: 'not-found' })
  assert.deepEqual(t.plugins.calls.at(-1), { name: 'wires', method: 'IpamDriver.ReleasePool', body: { PoolID: 'p1' } })
  await assert.rejects(t.networks.create(request('other', { ipam: { ...ipam, Driver: 'gone' } })), {
    kind: 'not-found',
    message: 'error looking up IPAM plugin "gone": plugin not found',
  })
})
