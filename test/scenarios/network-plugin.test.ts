/** Networks and addresses of a plugin, which may be slow, dead, wrong or gone: nobody else notices. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inside, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'
import { until } from '../support/tools.ts'

const PROGRAM = new URL('../support/network-plugin.ts', import.meta.url).pathname
let machines: Machines
let daemon: TestDaemon
let plugin: ChildProcess
const files = () => ({
  socket: join(daemon.execRoot, 'plugins', 'wires.sock'),
  mood: join(daemon.directory, 'mood'),
  log: join(daemon.directory, 'plugin.log'),
})
const mood = (text: string) => writeFileSync(files().mood, text)
const calls = () => readFileSync(files().log, 'utf8')

async function startPlugin() {
  mkdirSync(join(daemon.execRoot, 'plugins'), { recursive: true })
  mood('')
  const { socket, mood: moodFile, log } = files()
  plugin = spawn('nsenter', [`--net=${machines.path()}`, process.execPath, PROGRAM, socket, moodFile, log], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(plugin.stdout!, 'data')
}

async function stopPlugin() {
  const ended = once(plugin, 'exit')
  plugin.kill('SIGKILL')
  await ended
}

before(async () => {
  machines = new Machines()
  daemon = new TestDaemon([], { netns: machines.path() })
  await startPlugin()
  await daemon.start()
  await daemon.loadBusybox()
})
after(async () => {
  await stopPlugin()
  rmSync(files().socket, { force: true })
  await daemon.dispose()
  machines.remove()
})

const create = (Name: string, more: object = {}) =>
  daemon.client.networks.create({ Name, Driver: 'wires', IPAM: { Config: [{ Subnet: '10.217.0.0/24' }] }, ...more })
const on = (network: string) => ({ HostConfig: { NetworkMode: network } })
const pings = async (from: string, to: string) => (await inside(daemon, from, 'ping', '-c1', '-W2', to)).code === 0

test('a plugin’s network: its interface, name, MAC and routes; containers reach each other by name', async () => {
  await create('wired', { Options: { colour: 'red' } })
  await started(daemon, 'one', undefined, on('wired'))
  await started(daemon, 'two', undefined, {
    ...on('wired'),
    NetworkingConfig: { EndpointsConfig: { wired: { MacAddress: '02:11:22:33:44:66' } } },
  })
  assert.ok(await pings('one', 'two'))
  assert.ok(await pings('two', '10.217.0.1'))
  const link = (await inside(daemon, 'one', 'ip', 'link')).stdout
  assert.match(link, /plug0.*\n.*02:aa:/)
  assert.match((await inside(daemon, 'two', 'ip', 'link')).stdout, /plug0.*\n.*02:11:22:33:44:66/)
  const routes = (await inside(daemon, 'one', 'ip', 'route')).stdout
  assert.match(routes, /^default via 10\.217\.0\.1 dev plug0/m)
  assert.match(routes, /^10\.99\.0\.0\/16 via 10\.217\.0\.1/m)
  const { Networks } = (await daemon.client.containers.inspect('one')).NetworkSettings
  assert.match(Networks.wired!.MacAddress, /^02:aa:/)
  assert.equal(Networks.wired!.Gateway, '10.217.0.1')
  assert.match(calls(), /CreateNetwork .*"com.docker.network.generic":\{"colour":"red"\}/)
  assert.equal((await daemon.client.networks.inspect('wired')).Driver, 'wires')
})

test('disconnected while running, the interface goes back; the daemon killed, all goes on', async () => {
  await daemon.client.networks.disconnect('wired', 'two')
  await until('DeleteEndpoint', async () => (calls().includes('DeleteEndpoint') ? true : undefined))
  assert.doesNotMatch((await inside(daemon, 'two', 'ip', 'link')).stdout, /plug0/)
  await daemon.client.networks.connect('wired', 'two')
  await daemon.stop('SIGKILL')
  await daemon.start()
  assert.ok(await pings('one', 'two'))
})

test('a plugin that says no, makes no sense or is dead: an error that names it, and nothing hangs', async () => {
  const fails = async (text: RegExp) => {
    const error = await started(daemon, 'three', undefined, on('wired')).then(
      () => assert.fail('it started'),
      (error: unknown) => String(error),
    )
    assert.match(error, text)
    await daemon.client.containers.remove('three', { force: true })
  }
  mood('refuse')
  await fails(/plugin "wires" refuses NetworkDriver\.CreateEndpoint: not today/)
  await assert.rejects(create('more', { IPAM: { Config: [{ Subnet: '10.218.0.0/24' }] } }), /not today/)
  mood('garbage')
  await fails(/plugin "wires" answers NetworkDriver\.CreateEndpoint with something that is no JSON object/)
  mood('silent')
  const began = performance.now()
  const slow = daemon.client.networks.create({ Name: 'slow', Driver: 'wires' }).then(
    () => assert.fail('it was made'),
    (error: unknown) => String(error),
  )
  await started(daemon, 'other')
  assert.equal((await daemon.client.containers.list()).length, 3)
  assert.ok((await daemon.client.networks.list()).some(network => network.Name === 'wired'))
  assert.equal((await daemon.client.networks.inspect('wired')).Driver, 'wires')
  assert.ok(performance.now() - began < 8000, 'nobody waited for the plugin')
  await stopPlugin()
  assert.match(await slow, /plugin "wires" does not answer Plugin\.Activate/)
  await fails(/plugin "wires" does not answer NetworkDriver\.CreateEndpoint/)
  await assert.rejects(
    daemon.client.networks.create({ Name: 'no', Driver: 'absent' }),
    /could not find network driver "absent": plugin "absent" not found/,
  )
  await startPlugin()
})

test('addresses of a plugin: pool, gateway and leases are its own, and given back', async () => {
  await daemon.client.networks.create({ Name: 'leased', IPAM: { Driver: 'wires', Options: { site: 'a' } } })
  const [pool] = (await daemon.client.networks.inspect('leased')).IPAM.Config!
  assert.deepEqual([pool!.Subnet, pool!.Gateway], ['10.216.0.0/24', '10.216.0.1'])
  await started(daemon, 'tenant', undefined, on('leased'))
  const { Networks } = (await daemon.client.containers.inspect('tenant')).NetworkSettings
  assert.equal(Networks.leased!.IPAddress, '10.216.0.2')
  assert.ok(await pings('tenant', '10.216.0.1'))
  assert.match(calls(), /RequestPool .*"Options":\{"site":"a"\}/)
  await daemon.client.containers.remove('tenant', { force: true })
  await until('ReleaseAddress', async () => (/ReleaseAddress .*10\.216\.0\.2/.test(calls()) ? true : undefined))
  await started(daemon, 'tenant', undefined, on('leased'))
  const { State, NetworkSettings } = await daemon.client.containers.inspect('tenant')
  const { IPAddress } = NetworkSettings.Networks.leased!
  await daemon.stop('SIGKILL')
  process.kill(State.Pid, 'SIGKILL')
  const before = calls().length
  await daemon.start()
  // Its end was seen by nobody, and still the address goes back.
  const released = new RegExp(`ReleaseAddress .*${IPAddress.replaceAll('.', '\\.')}"`)
  await until('released after a crash', async () => (released.test(calls().slice(before)) ? true : undefined))
  await daemon.client.containers.remove('tenant', { force: true })
  await daemon.client.networks.remove('leased')
  assert.match(calls(), /ReleasePool .*10\.216\.0\.0/)
})

test('a plugin that is gone for good does not keep its network from being removed', async () => {
  await stopPlugin()
  await daemon.client.containers.remove('one', { force: true })
  await daemon.client.containers.remove('two', { force: true })
  await assert.rejects(daemon.client.networks.remove('wired'), /plugin "wires" does not answer/)
  rmSync(files().socket, { force: true })
  await daemon.client.networks.remove('wired')
  await assert.rejects(daemon.client.networks.inspect('wired'), /not found/)
  await startPlugin()
})
