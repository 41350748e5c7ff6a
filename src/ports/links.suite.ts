import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { isKind } from '#lib/errors.ts'
import type { Links, Sandboxes, VethSpec } from './links.ts'
import { eachAnew } from './testing/each-anew.ts'

export interface LinksUnderTest {
  links: Links
  sandboxes: Sandboxes
  /** At most 6 characters, unlike that of any other run: names of links begin with it. */
  prefix: string
  close(): Promise<void>
}

/** What links and sandboxes owe their callers. */
export function linksSuite(name: string, make: () => Promise<LinksUnderTest>): void {
  const run = eachAnew(make)

  const bridgeOf = (t: LinksUnderTest) => `${t.prefix}br`
  const makeBridge = (t: LinksUnderTest, addresses = ['10.251.7.1/24']) =>
    t.links.ensureBridge({ name: bridgeOf(t), addresses, alias: `berth:test:${t.prefix}` })
  const veth = (t: LinksUnderTest, sandbox: string, last: number, more: Partial<VethSpec> = {}): VethSpec => ({
    hostName: `${t.prefix}v${last}`,
    bridge: bridgeOf(t),
    sandbox,
    containerName: 'eth0',
    mac: `02:42:0a:fb:07:${last.toString(16).padStart(2, '0')}`,
    addresses: [`10.251.7.${last}/24`],
    routes: [{ destination: 'default', gateway: '10.251.7.1' }],
    ...more,
  })
  const cleanUp = async (t: LinksUnderTest, ids: string[], names: string[]) => {
    for (const id of ids) t.sandboxes.remove(id)
    await t.sandboxes.settled()
    for (const link of [...names, bridgeOf(t)]) t.links.deleteLink(link)
    await t.links.settled()
  }

  describe(`links: ${name}`, () => {
    run('a sandbox exists from create to remove, its loopback up', async t => {
      const id = `${t.prefix}-a`
      assert.equal(t.sandboxes.find(id), undefined)
      const path = await t.sandboxes.create(id)
      assert.equal(t.sandboxes.find(id), path)
      assert.ok(t.sandboxes.list().includes(id))
      const lo = await t.links.find('lo', path)
      assert.equal(lo?.up, true)
      assert.equal(lo?.kind, 'loopback')
      await assert.rejects(t.sandboxes.create(id))
      t.sandboxes.remove(id)
      t.sandboxes.remove(id)
      await t.sandboxes.settled()
      assert.equal(t.sandboxes.find(id), undefined)
      assert.ok(!t.sandboxes.list().includes(id))
    })

    run('a bridge is made, and brought to a new spec', async t => {
      await makeBridge(t)
      await makeBridge(t)
      const link = await t.links.find(bridgeOf(t))
      assert.equal(link?.kind, 'bridge')
      assert.equal(link?.up, true)
      assert.equal(link?.alias, `berth:test:${t.prefix}`)
      await makeBridge(t, ['10.251.8.1/24'])
      const own = (await t.links.addresses()).filter(({ device }) => device === bridgeOf(t))
      assert.deepEqual(
        own.map(({ address }) => address),
        ['10.251.8.1/24'],
      )
      const routes = (await t.links.routes(4)).filter(({ device }) => device === bridgeOf(t))
      assert.deepEqual(
        routes.map(({ destination }) => destination),
        ['10.251.8.0/24'],
      )
      await cleanUp(t, [], [])
      assert.equal(await t.links.find(bridgeOf(t)), undefined)
    })

    run('an endpoint has its name, MAC, address and routes inside, and its bridge outside', async t => {
      await makeBridge(t)
      const path = await t.sandboxes.create(`${t.prefix}-b`)
      const spec = veth(t, path, 9, { mtu: 1400 })
      await t.links.createVeth(spec)
      const inside = await t.links.find('eth0', path)
      assert.equal(inside?.mac, spec.mac)
      assert.equal(inside?.mtu, 1400)
      assert.equal(inside?.up, true)
      const addresses = (await t.links.addresses(path)).filter(({ device }) => device === 'eth0')
      assert.deepEqual(addresses, [{ device: 'eth0', address: '10.251.7.9/24' }])
      const routes = await t.links.routes(4, path)
      const fallback = routes.find(({ destination }) => destination === 'default')
      assert.equal(fallback?.gateway, '10.251.7.1')
      assert.equal(fallback?.device, 'eth0')
      const outside = await t.links.find(spec.hostName)
      const bridge = await t.links.find(spec.bridge)
      assert.equal(outside?.master, bridge?.index)
      assert.deepEqual(
        Object.keys(await t.links.stats(path)).filter(device => device !== 'lo'),
        ['eth0'],
      )
      t.links.deleteLink(spec.hostName)
      await t.links.settled()
      assert.equal(await t.links.find('eth0', path), undefined)
      await cleanUp(t, [`${t.prefix}-b`], [])
    })

    run('an endpoint whose bridge is missing, or whose name is taken, leaves nothing', async t => {
      const path = await t.sandboxes.create(`${t.prefix}-c`)
      await assert.rejects(t.links.createVeth(veth(t, path, 3)), error => isKind(error, 'system'))
      assert.equal(await t.links.find('eth0', path), undefined)
      await makeBridge(t)
      await t.links.createVeth(veth(t, path, 3))
      await assert.rejects(t.links.createVeth(veth(t, path, 4)))
      assert.equal(await t.links.find(`${t.prefix}v4`), undefined)
      await assert.rejects(t.links.createVeth(veth(t, path, 3, { containerName: 'eth1' })))
      assert.equal(await t.links.find('eth1', path), undefined)
      assert.equal((await t.links.find('eth0', path))?.mac, '02:42:0a:fb:07:03')
      await cleanUp(t, [`${t.prefix}-c`], [`${t.prefix}v3`])
    })

    run('the default route is replaced, not doubled', async t => {
      await makeBridge(t)
      const path = await t.sandboxes.create(`${t.prefix}-d`)
      await t.links.createVeth(veth(t, path, 5))
      await t.links.replaceRoutes(path, [{ destination: 'default', gateway: '10.251.7.254', device: 'eth0' }])
      const routes = await t.links.routes(4, path)
      const defaults = routes.filter(({ destination }) => destination === 'default')
      assert.deepEqual(
        defaults.map(({ gateway }) => gateway),
        ['10.251.7.254'],
      )
      await assert.rejects(t.links.replaceRoutes(path, [{ destination: '10.9.0.0/16', device: 'eth9' }]))
      await cleanUp(t, [`${t.prefix}-d`], [`${t.prefix}v5`])
    })

    run('neighbours are set, given another MAC and forgotten, over IPv4 and IPv6', async t => {
      await makeBridge(t)
      const path = await t.sandboxes.create(`${t.prefix}-n`)
      await t.links.createVeth(veth(t, path, 7, { addresses: ['10.251.7.7/24', 'fd00:251:7::7/64'] }))
      const device = 'eth0'
      const known = async () =>
        (await t.links.neighbours(device, path))
          .filter(({ state }) => state === 'permanent')
          .map(({ address, mac }) => `${address} ${mac}`)
          .sort()
      for (const address of ['10.251.7.50', 'fd00:251:7::50']) {
        await t.links.replaceNeighbour({ device, address, mac: '02:00:00:00:00:50', state: 'permanent' }, path)
      }
      assert.deepEqual(await known(), ['10.251.7.50 02:00:00:00:00:50', 'fd00:251:7::50 02:00:00:00:00:50'])
      const moved = { device, address: '10.251.7.50', mac: '02:00:00:00:00:51', state: 'permanent' } as const
      await t.links.replaceNeighbour(moved, path)
      assert.deepEqual(await known(), ['10.251.7.50 02:00:00:00:00:51', 'fd00:251:7::50 02:00:00:00:00:50'])
      await t.links.deleteNeighbour(device, '10.251.7.50', path)
      await t.links.deleteNeighbour(device, '10.251.7.50', path)
      assert.deepEqual(await known(), ['fd00:251:7::50 02:00:00:00:00:50'])
      await assert.rejects(t.links.replaceNeighbour({ ...moved, device: 'eth9' }, path))
      await cleanUp(t, [`${t.prefix}-n`], [`${t.prefix}v7`])
    })

    run('a bridge is told behind which port a MAC is', async t => {
      await makeBridge(t)
      const path = await t.sandboxes.create(`${t.prefix}-f`)
      await t.links.createVeth(veth(t, path, 8))
      await t.links.createVeth(veth(t, path, 9, { containerName: 'eth1' }))
      const [one, other] = [`${t.prefix}v8`, `${t.prefix}v9`]
      const mac = '02:00:00:00:00:60'
      const behind = async (device: string) =>
        (await t.links.forwardings(device))
          .filter(entry => entry.mac === mac)
          .map(({ device, state }) => [device, state])
      await t.links.appendForwarding({ device: one, mac, table: 'master' })
      assert.deepEqual(await behind(bridgeOf(t)), [[one, 'static']])
      assert.deepEqual(await behind(one), [[one, 'static']])
      await t.links.replaceForwarding({ device: one, mac, table: 'master' })
      assert.deepEqual(await behind(other), [])
      await t.links.deleteForwarding({ device: one, mac, table: 'master' })
      await t.links.deleteForwarding({ device: one, mac, table: 'master' })
      assert.deepEqual(await behind(bridgeOf(t)), [])
      await assert.rejects(t.links.forwardings(`${t.prefix}no`))
      await cleanUp(t, [`${t.prefix}-f`], [one, other])
    })

    run('macvlan: two in their sandboxes on one parent, deleted by alias', async t => {
      const [a, b] = [await t.sandboxes.create(`${t.prefix}-m`), await t.sandboxes.create(`${t.prefix}-o`)]
      const parent = `${t.prefix}dm`
      const alias = `berth:test:${t.prefix}`
      await t.links.requireKind('macvlan')
      await t.links.ensureLink({ name: parent, kind: { kind: 'dummy' }, addresses: [], alias })
      await t.links.ensureLink({ name: parent, kind: { kind: 'dummy' }, addresses: [], alias })
      const child = (sandbox: string, last: number) =>
        t.links.createChild({
          kind: { kind: 'macvlan', mode: 'bridge' },
          parent,
          sandbox,
          containerName: 'eth0',
          mac: `02:42:0a:fb:0b:0${last}`,
          addresses: [`10.251.11.${last}/24`],
          routes: [{ destination: 'default', gateway: '10.251.11.1' }],
          alias: `${alias}:${last}`,
        })
      await child(a, 2)
      await child(b, 3)
      const inside = await t.links.find('eth0', a)
      assert.deepEqual([inside?.kind, inside?.mac, inside?.up], ['macvlan', '02:42:0a:fb:0b:02', true])
      assert.ok((await t.links.routes(4, b)).some(route => route.gateway === '10.251.11.1'))
      await assert.rejects(child(a, 4))
      assert.equal((await t.links.find('eth0', a))?.mac, '02:42:0a:fb:0b:02')
      const shim = `${t.prefix}sh`
      await t.links.ensureLink({
        name: shim,
        kind: { kind: 'macvlan', mode: 'bridge' },
        parent,
        addresses: ['10.251.11.9/32'],
        alias,
      })
      const route = { destination: '10.251.11.2/32', device: shim }
      await t.links.replaceRoutes(undefined, [route])
      const led = async () =>
        (await t.links.routes(4)).some(one => one.device === shim && one.destination.includes('.2/'))
      assert.ok(await led())
      await t.links.deleteRoutes(undefined, [route])
      await t.links.deleteRoutes(undefined, [route])
      assert.ok(!(await led()))
      t.links.deleteChild(a, `${alias}:2`)
      t.links.deleteChild(a, `${alias}:2`)
      t.links.deleteChild(`${a}-never`, 'x')
      await t.links.settled()
      assert.equal(await t.links.find('eth0', a), undefined)
      assert.ok(await t.links.find('eth0', b))
      await cleanUp(t, [`${t.prefix}-m`, `${t.prefix}-o`], [shim, parent])
      assert.equal(await t.links.find(parent), undefined)
    })

    run('a link of somebody else is taken into a sandbox, and given back', async t => {
      const path = await t.sandboxes.create(`${t.prefix}-t`)
      const [lent, alias] = [`${t.prefix}le`, `berth:test:${t.prefix}:lent`]
      await t.links.ensureLink({ name: lent, kind: { kind: 'dummy' }, addresses: [], alias })
      const spec = {
        hostName: lent,
        sandbox: path,
        containerName: 'plug0',
        addresses: ['10.251.12.2/24'],
        routes: [{ destination: 'default', gateway: '10.251.12.1' }],
        alias,
      }
      assert.equal(await t.links.takeLink({ ...spec, mac: '02:42:0a:fb:0c:02' }), '02:42:0a:fb:0c:02')
      assert.equal(await t.links.find(lent), undefined)
      assert.equal((await t.links.find('plug0', path))?.up, true)
      assert.ok((await t.links.routes(4, path)).some(route => route.gateway === '10.251.12.1'))
      await assert.rejects(t.links.takeLink(spec))
      await t.links.returnLink(path, alias, lent)
      await t.links.returnLink(path, alias, lent)
      assert.equal(await t.links.find('plug0', path), undefined)
      // Nothing of ours any more, or a sweep would take it.
      assert.equal((await t.links.find(lent))?.alias, '')
      await cleanUp(t, [`${t.prefix}-t`], [lent])
    })

    run('deleting twice, or what never was, is success', async t => {
      t.links.deleteLink(`${t.prefix}no`)
      t.links.deleteLink(`${t.prefix}no`)
      await t.links.settled()
    })

    run('a link is made anew at once after its deletion was queued', async t => {
      await makeBridge(t)
      const path = await t.sandboxes.create(`${t.prefix}-e`)
      await t.links.createVeth(veth(t, path, 6))
      t.links.deleteLink(`${t.prefix}v6`)
      await t.links.createVeth(veth(t, path, 6))
      await t.links.settled()
      assert.equal((await t.links.find('eth0', path))?.up, true)
      await cleanUp(t, [`${t.prefix}-e`], [`${t.prefix}v6`])
    })
  })
}
