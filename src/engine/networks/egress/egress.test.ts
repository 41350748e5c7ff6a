import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { encode } from 'dns-packet'
import { owner, request, rig, subnet } from '../testing/rig.ts'

const POLICY = { 'berth.egress': 'allow=api.example.test:443,*.cdn.test,10.0.0.0/8:80/tcp' }

/** A container with a policy on a network, and an upstream server that knows two names. */
async function running(annotations: Record<string, string> = POLICY) {
  const t = await rig()
  await t.networks.create(request('front', subnet('172.18.0.0/16')))
  t.dnsSockets.upstreams.set('192.0.2.53', query => {
    const at = query.indexOf(0, 12)
    const name = query.toString('latin1', 13, at).replace(/[\x00-\x1f]/g, '.')
    return encode({
      type: 'response',
      id: query.readUInt16BE(0),
      questions: [{ type: 'A', name }],
      answers: [
        { type: 'CNAME', name, ttl: 5, data: 'edge.other.test' },
        { type: 'A', name: 'edge.other.test', ttl: 5, data: '203.0.113.7' },
      ],
    })
  })
  const box = owner('web', { annotations })
  const sandbox = await t.networks.openSandbox(box, await t.networks.plan(box, { front: {} }))
  const ask = (name: string) =>
    t.dnsSockets.query(sandbox.sandboxPath, encode({ type: 'query', id: 7, questions: [{ type: 'A', name }] }))
  const [{ ipv4 = '' } = {}] = Object.values(sandbox.endpoints)
  const since = (count: number) => t.firewall.scripts.slice(count).map(one => one.script)
  return { ...t, box, sandbox, ask, ipv4, since, scripts: () => t.firewall.scripts.length }
}

test('a policy is in the packet filter before the container runs, in the transaction of its ports', async () => {
  const t = await running()
  const script = t.since(0).findLast(one => one.includes('egress_limited4 { '))!
  assert.match(script, new RegExp(`add element inet berth-test egress_limited4 \\{ ${t.ipv4} \\}`))
  assert.match(script, new RegExp(`egress_dropped4 \\{ ${t.ipv4} \\}`))
  assert.match(script, new RegExp(`egress_ranges4 \\{ ${t.ipv4} \\. 10\\.0\\.0\\.0/8 \\. tcp \\. 80 \\}`))
  const before = t.scripts()
  await t.networks.closeSandbox(t.box.id)
  assert.match(
    t.since(before).join('\n'),
    new RegExp(`delete element inet berth-test egress_limited4 \\{ ${t.ipv4} \\}`),
  )
})

test('without a policy there is no transaction and no mention of one', async () => {
  const t = await running({})
  const before = t.scripts()
  await t.ask('api.example.test')
  assert.equal(t.scripts(), before)
  assert.doesNotMatch(t.since(1).join('\n'), /element .* egress/)
  assert.deepEqual(await t.networks.egress(), [])
})

test('an answer for an allowed name opens the way before it is given; once', async () => {
  const t = await running()
  const before = t.scripts()
  await t.ask('other.example.test')
  assert.equal(t.scripts(), before)
  await t.ask('API.example.test')
  assert.deepEqual(t.since(before), [
    `add element inet berth-test egress_ports4 { ${t.ipv4} . 203.0.113.7 . tcp . 443, ${t.ipv4} . 203.0.113.7 . udp . 443 }\n`,
  ])
  await t.ask('api.example.test')
  assert.equal(t.scripts(), before + 1)
  // The same address by a name that allows everything.
  await t.ask('img.cdn.test')
  assert.match(
    t.since(before + 1).join('\n'),
    new RegExp(`add .*egress_hosts4 \\{ ${t.ipv4} \\. 203\\.0\\.113\\.7 \\}`),
  )
  const [status] = await t.networks.egress('web')
  assert.deepEqual(
    status!.names.map(({ name, addresses }) => [name, ...addresses.map(one => one.address)]),
    [['api.example.test', '203.0.113.7'], ['*.cdn.test'], ['img.cdn.test', '203.0.113.7']],
  )
})

test('what is not asked for any more is taken away; a restart remembers what was', async () => {
  mock.timers.enable({ apis: ['Date', 'setInterval'], now: Date.now() })
  try {
    const t = await running()
    await t.ask('api.example.test')
    const opened = new RegExp(`${t.ipv4} \\. 203\\.0\\.113\\.7 \\. tcp \\. 443`)
    const again = t.restart()
    const before = t.scripts()
    const { sandboxPath, endpoints, publishedPorts: ports } = t.sandbox
    await again.recover([{ owner: t.box, sandboxPath, endpoints, ports }], [])
    assert.match(t.since(before)[0]!, opened)
    await again.closeSandbox(t.box.id)
    assert.deepEqual(t.store.repository('egress').list(), [])

    const after = await running()
    await after.ask('api.example.test')
    const count = after.scripts()
    mock.timers.tick(100_000)
    await new Promise(setImmediate)
    assert.doesNotMatch(after.since(count).join('\n'), /egress/)
    mock.timers.tick(30_000)
    await new Promise(setImmediate)
    assert.match(after.since(count).join('\n'), /delete element inet berth-test egress_ports4/)
  } finally {
    mock.timers.reset()
  }
})

test('a network has a policy too, and one where none can hold is refused', async () => {
  const t = await rig()
  await t.networks.create(request('fenced', { options: { 'berth.egress': 'allow=10.0.0.0/8' } }))
  await assert.rejects(t.networks.create(request('bad', { options: { 'berth.egress': '10.0.0.0/8' } })), /must begin/)
  const box = owner('web', { annotations: { 'berth.egress': 'allow=10.1.0.0/16,192.0.2.1' } })
  const { endpoints } = await t.networks.openSandbox(box, await t.networks.plan(box, { fenced: {} }))
  const [{ ipv4 = '' } = {}] = Object.values(endpoints)
  assert.match(
    t.firewall.text(),
    new RegExp(`egress_ranges4 \\{ ${ipv4} \\. 10\\.1\\.0\\.0/16 \\. 0-255 \\. 0-65535 \\}`),
  )
  assert.doesNotMatch(t.firewall.text(), /192\.0\.2\.1/)
  await assert.rejects(
    t.networks.plan(owner('x', { annotations: POLICY }), { host: {} }),
    /cannot hold in network host/,
  )
})

test('a name of --add-host stands for its address', async () => {
  const t = await rig()
  await t.networks.create(request('front', subnet('172.18.0.0/16')))
  const box = owner('web', {
    annotations: { 'berth.egress': 'allow=host.docker.internal:8080/tcp,*.lan' },
    extraHosts: ['host.docker.internal:host-gateway', 'Printer.lan:192.0.2.9', 'other:192.0.2.10'],
  })
  const { endpoints } = await t.networks.openSandbox(box, await t.networks.plan(box, { front: {} }))
  const [{ ipv4 = '' } = {}] = Object.values(endpoints)
  const gateway = t.networks.get('bridge').ipam.Config[0]!.Gateway!
  assert.ok(t.firewall.text().includes(`egress_ports4 { ${ipv4} . ${gateway} . tcp . 8080 }`))
  assert.ok(t.firewall.text().includes(`egress_hosts4 { ${ipv4} . 192.0.2.9 }`))
  assert.ok(!t.firewall.text().includes('192.0.2.10'))
})
