import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from 'dns-packet'
import type { EndpointRecord } from '#model/container.ts'
import type { OpenPort } from '#ports/sockets.ts'
import { owner, request, rig, subnet } from '../testing/rig.ts'
import type { SandboxOwner } from '../service.ts'

type Rig = Awaited<ReturnType<typeof rig>>

async function shop() {
  const r = await rig()
  const { network } = await r.networks.create(request('shop', subnet('10.5.0.0/24')))
  return { ...r, network }
}

const replica = (name: string, labels: Record<string, string> = {}, more: Partial<SandboxOwner> = {}) =>
  owner(name, {
    labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web', ...labels },
    ...more,
  })

async function up(r: Rig, who: SandboxOwner, Aliases: string[] = ['web'], listens = true) {
  const opened = await r.networks.openSandbox(who, await r.networks.plan(who, { shop: { Aliases } }))
  if (listens) r.sockets.ports.set(opened.sandboxPath, [listener(80)])
  r.networks.started(who.id)
  return { who, ...opened, address: opened.endpoints.shop!.ipv4 }
}

async function ask(r: Pick<Rig, 'dnsSockets'>, path: string, name: string): Promise<string[]> {
  const query = encode({ type: 'query', id: 1, questions: [{ type: 'A', name }] })
  const reply = decode((await r.dnsSockets.query(path, query))!)
  return (reply.answers ?? []).map(answer => String((answer as { data: unknown }).data)).toSorted()
}

/** What the last translation of an address in a sandbox leads to. */
function targets(r: Rig, path: string, vip: string): string[] {
  const rules = r.firewall.text(path).split(`flush chain inet berth-vip vip_${vip}\n`).at(-1)!
  return [...new Set([...rules.matchAll(/(?:: |dnat ip to )(10\.5\.0\.\d+)/g)].map(match => match[1]!))].toSorted()
}

const listener = (port: number): OpenPort => {
  return { protocol: 'tcp', port, loopback: false }
}

/** What the packet filter's maps hold now: `MAP KEY` to value. */
function elements(r: Rig): Map<string, string> {
  const held = new Map<string, string>()
  for (const { script } of r.firewall.scripts) {
    for (const [, verb, map, list] of script.matchAll(/^(add|delete) element inet berth-test (\S+) \{ (.*) \}$/gm)) {
      for (const element of list!.split(', ')) {
        const [key = '', value = ''] = element.split(' : ')
        if (verb === 'add') held.set(`${map} ${key}`, value)
        else held.delete(`${map} ${key}`)
      }
    }
  }
  return held
}

const settle = () => new Promise(resolve => setTimeout(resolve, 30))

test('the second replica brings the service an address of its own, which stays to the last', async () => {
  const r = await shop()
  const client = await up(r, owner('client'), [])
  const one = await up(r, replica('web-1'))
  assert.deepEqual(await ask(r, client.sandboxPath, 'web'), [one.address])
  assert.equal(r.firewall.text(client.sandboxPath), '')
  const two = await up(r, replica('web-2'), ['web'], false)
  await settle()
  const [vip, ...more] = await ask(r, client.sandboxPath, 'web')
  assert.deepEqual(more, [])
  assert.ok(vip && vip !== one.address && vip !== two.address)
  assert.deepEqual(await ask(r, client.sandboxPath, 'web-2'), [two.address])
  // Nothing listens in the second one yet.
  assert.deepEqual(targets(r, client.sandboxPath, vip), [one.address])
  assert.deepEqual(await ask(r, client.sandboxPath, 'tasks.web'), [one.address])
  r.sockets.ports.set(two.sandboxPath, [listener(80)])
  await settle()
  assert.deepEqual(targets(r, client.sandboxPath, vip), [one.address, two.address])
  assert.deepEqual(await ask(r, client.sandboxPath, 'tasks.web'), [one.address, two.address])
  await r.networks.closeSandbox(one.who.id)
  assert.deepEqual(targets(r, client.sandboxPath, vip), [two.address])
  assert.ok(r.firewall.forgotten.some(({ target }) => target === one.address))
  assert.deepEqual(await ask(r, client.sandboxPath, 'web'), [vip])
  await r.networks.closeSandbox(two.who.id)
  assert.deepEqual(await ask(r, client.sandboxPath, 'web'), [])
  // Containers that do not run keep it; with the last of them it goes, from its users too.
  const again = await up(r, two.who)
  assert.deepEqual(await ask(r, client.sandboxPath, 'web'), [vip])
  await r.networks.closeSandbox(again.who.id)
  r.networks.forget(one.who.id)
  r.networks.forget(two.who.id)
  await settle()
  assert.match(r.firewall.text(client.sandboxPath), new RegExp(`delete chain inet berth-vip vip_${vip}\n$`))
  const leases = r.store.repository<{ address: string }>('leases').list()
  assert.deepEqual(
    leases.map(lease => lease.address).filter(address => address === vip),
    [],
  )
})

test('vip from the first replica on, dnsrr never', async () => {
  const r = await shop()
  const client = await up(r, owner('client'), [])
  const one = await up(r, replica('a', { 'berth.endpoint_mode': 'vip' }))
  assert.notDeepEqual(await ask(r, client.sandboxPath, 'web'), [one.address])
  const turns = { 'com.docker.compose.service': 'turns', 'berth.endpoint_mode': 'dnsrr' }
  const addresses = [await up(r, replica('c', turns), ['turns']), await up(r, replica('d', turns), ['turns'])]
  assert.deepEqual(await ask(r, client.sandboxPath, 'turns'), addresses.map(each => each.address).toSorted())
  const bad = replica('e', { 'berth.endpoint_mode': 'ring' })
  await assert.rejects(r.networks.plan(bad, { shop: {} }), /berth.endpoint_mode is "ring"/)
})

test('only the healthy are reached, unless there is none', async () => {
  const r = await shop()
  const client = await up(r, owner('client'), [])
  const one = await up(r, replica('a'))
  const who = replica('b')
  const two = {
    who,
    ...(await r.networks.openSandbox(who, await r.networks.plan(who, { shop: { Aliases: ['web'] } }))),
  }
  const second = two.endpoints.shop!.ipv4
  r.networks.setHealthy(who.id, false)
  r.networks.started(who.id)
  const [vip = ''] = await ask(r, client.sandboxPath, 'web')
  assert.deepEqual(targets(r, client.sandboxPath, vip), [one.address])
  r.networks.setHealthy(who.id, true)
  await settle()
  assert.deepEqual(targets(r, client.sandboxPath, vip), [one.address, second])
  r.networks.setHealthy(one.who.id, false)
  await settle()
  assert.deepEqual(targets(r, client.sandboxPath, vip), [second])
  r.networks.setHealthy(who.id, false)
  await settle()
  assert.deepEqual(targets(r, client.sandboxPath, vip), [one.address, second])
})

test('replicas share a published port; that of one is an element like any other', async () => {
  const r = await shop()
  const ports = { portBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] } }
  const one = await up(r, replica('a', {}, ports))
  assert.match(r.firewall.text(), new RegExp(`any4 { tcp . 8080 : ${one.address} . 80 }`))
  assert.doesNotMatch(r.firewall.text(), /element inet berth-test spread/)
  const two = await up(r, replica('b', {}, ports))
  await settle()
  const leads = [...elements(r)].filter(([key]) => key.startsWith('spread_any4 ')).map(([, target]) => target)
  assert.equal(leads.length, 840)
  assert.equal(leads.filter(target => target === `${two.address} . 80`).length, 420)
  const stranger = owner('s', ports)
  await assert.rejects(
    r.networks.openSandbox(stranger, await r.networks.plan(stranger, { shop: {} })),
    /already allocated/,
  )
  const other = replica('c', {}, { portBindings: { '81/tcp': [{ HostIp: '', HostPort: '8080' }] } })
  await assert.rejects(r.networks.openSandbox(other, await r.networks.plan(other, { shop: {} })), /already allocated/)
  await r.networks.closeSandbox(one.who.id)
  assert.match(r.firewall.scripts.at(-1)!.script, new RegExp(`any4 { tcp . 8080 : ${two.address} . 80 }`))
  assert.deepEqual(r.hostPorts.reserved, ['tcp 0.0.0.0 8080'])
  await r.networks.closeSandbox(two.who.id)
  assert.deepEqual(r.hostPorts.reserved, [])
  await r.networks.openSandbox(stranger, await r.networks.plan(stranger, { shop: {} }))
})

test('a replica that is to stop gets nothing new at once, and its connections time; the last one is not drained', async () => {
  const r = await shop()
  const client = await up(r, owner('client'), [])
  const one = await up(r, replica('a', { 'berth.drain': '0.2' }))
  const two = await up(r, replica('b', { 'berth.drain': '60' }))
  await settle()
  const [vip = ''] = await ask(r, client.sandboxPath, 'web')
  r.sockets.connections.set(one.sandboxPath, 1).set(two.sandboxPath, 1)
  let over = false
  const drained = r.networks.drain(two.who.id, { wait: true }).then(() => (over = true))
  await settle()
  assert.deepEqual(targets(r, client.sandboxPath, vip), [one.address])
  assert.equal(over, false)
  r.sockets.connections.delete(two.sandboxPath)
  await drained
  assert.ok(r.firewall.forgotten.some(({ target, protocol }) => target === two.address && protocol === 'udp'))
  await r.networks.closeSandbox(two.who.id)
  // Nobody takes over: it is stopped as any container is.
  await r.networks.drain(one.who.id, { wait: true })
  assert.deepEqual(targets(r, client.sandboxPath, vip), [one.address])
  const three = await up(r, replica('c'))
  await settle()
  // Its limit, with a connection that never ends.
  await r.networks.drain(one.who.id, { wait: true })
  assert.deepEqual(targets(r, client.sandboxPath, vip), [three.address])
})

test('after a restart the service has its address, and its replicas their port', async () => {
  const r = await shop()
  const ports = { portBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }] } }
  const client = await up(r, owner('client'), [])
  const replicas = [await up(r, replica('a', {}, ports)), await up(r, replica('b', {}, ports))]
  const [vip] = await ask(r, client.sandboxPath, 'web')
  const again = r.restart()
  const live = [client, ...replicas].map(({ who, sandboxPath, endpoints, publishedPorts }) => ({
    owner: who,
    sandboxPath,
    endpoints,
    ports: publishedPorts,
  }))
  const stopped: { owner: SandboxOwner; endpoints: Record<string, EndpointRecord> }[] = []
  await again.recover(live, stopped)
  assert.deepEqual(await ask(r, client.sandboxPath, 'web'), [vip])
  assert.match(r.firewall.text(), /spread_host4 .*0 \. tcp \. 127\.0\.0\.1 \. 8080 : 10\.5\.0\.\d+ \. 80/)
  await again.closeSandbox(replicas[0]!.who.id)
  assert.deepEqual(await ask(r, client.sandboxPath, 'web'), [vip])
  await again.close()
})
