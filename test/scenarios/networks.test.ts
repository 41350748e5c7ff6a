import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { after, afterEach, before, test } from 'node:test'
import { BerthError } from '#lib/errors.ts'
import { clear, inside, SLEEP, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { until } from '../support/tools.ts'

// What COMPAT.md says of networks: a line, a test.

const daemon = new TestDaemon()
const { containers, networks } = daemon.client
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())
afterEach(() => clear(daemon))

const on = (NetworkMode: string, more: object = {}) => ({ HostConfig: { NetworkMode, ...more } })
const refusal = (kind: string, message: RegExp) => (error: unknown) =>
  error instanceof BerthError && error.kind === kind && message.test(error.message)

/** Addresses that a name has in a container; in the order of the answer. */
async function resolved(container: string, name: string, type = 'a'): Promise<string[]> {
  const { stdout } = await inside(daemon, container, 'nslookup', `-type=${type}`, name)
  const answer = stdout.split('\n\n').slice(1).join('\n')
  return [...answer.matchAll(/^Address(?: \d+)?: (\S+)/gm)].map(match => match[1]!)
}

async function addressOf(container: string, network: string): Promise<string> {
  return (await containers.inspect(container)).NetworkSettings.Networks[network]!.IPAddress
}

test('Networks is never empty: bridge, host, none, and their own', async () => {
  await networks.create({ Name: 'own' })
  for (const mode of ['bridge', 'host', 'none', 'own']) {
    await started(daemon, `on_${mode}`, SLEEP, on(mode))
    const { Networks } = (await containers.inspect(`on_${mode}`)).NetworkSettings
    assert.deepEqual(Object.keys(Networks), [mode])
    const [row] = await containers.list({ filters: { name: [`on_${mode}`] } })
    assert.deepEqual(Object.keys(row!.NetworkSettings.Networks), [mode])
  }
})

test('networks show empty maps, the three that are always there, and who is on them', async () => {
  await networks.create({ Name: 'plain' })
  const shown = await networks.inspect('plain')
  assert.deepEqual([shown.Options, shown.Labels, shown.IPAM.Options, shown.Containers], [{}, {}, {}, {}])
  const all = (await networks.list()).map(one => `${one.Name} ${one.Driver}`)
  assert.deepEqual(all.sort(), ['bridge bridge', 'host host', 'none null', 'plain bridge'])
  const id = await started(daemon, 'member', SLEEP, on('plain'))
  const member = (await networks.inspect('plain')).Containers![id]
  assert.equal(member?.Name, 'member')
  const length = shown.IPAM.Config![0]!.Subnet!.split('/')[1]
  assert.equal(member?.IPv4Address, `${await addressOf('member', 'plain')}/${length}`)
})

test('names resolve inside an internal network, and nothing leads out of it', async () => {
  await networks.create({ Name: 'inner', Internal: true })
  await started(daemon, 'one', SLEEP, on('inner'))
  await started(daemon, 'two', SLEEP, on('inner'))
  assert.deepEqual(await resolved('one', 'two'), [await addressOf('two', 'inner')])
  assert.equal((await inside(daemon, 'one', 'ping', '-c', '1', '-W', '2', 'two')).code, 0)
  assert.doesNotMatch((await inside(daemon, 'one', 'ip', 'route')).stdout, /default/)
  const server = createServer(socket => socket.end()).listen(0, '0.0.0.0')
  await new Promise(resolve => server.once('listening', resolve))
  try {
    const { Gateway } = (await networks.inspect('bridge')).IPAM.Config![0]!
    const { port } = server.address() as AddressInfo
    await started(daemon, 'free', SLEEP, on('bridge'))
    assert.equal((await inside(daemon, 'free', 'nc', '-w', '2', Gateway!, String(port))).code, 0)
    assert.notEqual((await inside(daemon, 'one', 'nc', '-w', '1', Gateway!, String(port))).code, 0)
  } finally {
    server.close()
  }
})

test('aliases: no address twice, several containers under one alias, gone with their container', async () => {
  await networks.create({ Name: 'named' })
  const alias = { NetworkingConfig: { EndpointsConfig: { named: { Aliases: ['svc', 'svc', 'first'] } } } }
  await started(daemon, 'svc', SLEEP, { ...on('named'), ...alias })
  await started(daemon, 'other', SLEEP, { ...on('named'), ...alias })
  await started(daemon, 'asker', SLEEP, on('named'))
  const svc = await addressOf('svc', 'named')
  const other = await addressOf('other', 'named')
  assert.deepEqual((await resolved('asker', 'svc')).sort(), [svc, other].sort())
  assert.deepEqual(await resolved('asker', 'other'), [other])
  const reverse = await inside(daemon, 'asker', 'nslookup', svc)
  assert.match(reverse.stdout, /name = svc\.named/)
  await containers.kill('svc')
  await until('one left', async () => ((await resolved('asker', 'svc')).length === 1 ? true : undefined))
  assert.deepEqual(await resolved('asker', 'first'), [other])
})

test('a renamed container has its new name only', async () => {
  await networks.create({ Name: 'renames' })
  await started(daemon, 'before', SLEEP, on('renames'))
  await started(daemon, 'asker', SLEEP, on('renames'))
  await containers.rename('before', 'after')
  assert.deepEqual(await resolved('asker', 'after'), [await addressOf('after', 'renames')])
  assert.deepEqual(await resolved('asker', 'before'), [])
})

test('a static address is kept for its owner while that is stopped', async () => {
  await networks.create({ Name: 'static', IPAM: { Config: [{ Subnet: '10.211.9.0/29' }] } })
  const at = (IPv4Address: string) => ({
    ...on('static'),
    NetworkingConfig: { EndpointsConfig: { static: { IPAMConfig: { IPv4Address } } } },
  })
  await started(daemon, 'owner', SLEEP, at('10.211.9.2'))
  await containers.stop('owner', { timeout: 0 })
  await started(daemon, 'taker', SLEEP, on('static'))
  assert.notEqual(await addressOf('taker', 'static'), '10.211.9.2')
  const rival = await containers.create({ Image: 'busybox', Cmd: SLEEP, ...at('10.211.9.2') }, { name: 'rival' }).then(
    ({ Id }) =>
      containers.start(Id).then(
        () => 'started',
        (error: unknown) => String(error),
      ),
    (error: unknown) => String(error),
  )
  assert.match(rival, /10\.211\.9\.2|already in use/)
  await containers.start('owner')
  assert.equal(await addressOf('owner', 'static'), '10.211.9.2')
})

test('publishing honours host address, protocol and ephemeral ports', async () => {
  const web = ['httpd', '-f', '-p', '80', '-h', '/etc']
  await started(
    daemon,
    'web',
    web,
    on('bridge', { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.2', HostPort: '' }] } }),
  )
  const { Ports } = (await containers.inspect('web')).NetworkSettings
  const [bound] = Ports!['80/tcp']!
  assert.equal(bound?.HostIp, '127.0.0.2')
  const get = (host: string) => fetch(`http://${host}:${bound!.HostPort}/passwd`, { signal: AbortSignal.timeout(2000) })
  assert.equal((await get('127.0.0.2')).status, 200)
  await assert.rejects(get('127.0.0.1'))
  // Taken: the second says so and does not start.
  const second = containers.create({
    Image: 'busybox',
    Cmd: web,
    ...on('bridge', { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.2', HostPort: bound!.HostPort }] } }),
  })
  await assert.rejects(containers.start((await second).Id), /port is already allocated/)
})

test('a published UDP port answers from the address that was asked', async () => {
  const script = `
    const socket = require('node:dgram').createSocket('udp4')
    socket.on('message', (data, from) => socket.send(data, from.port, from.address)).bind(7000)`
  // Busybox has no UDP server: the host's Node, with the libraries of the host.
  const Binds = ['/usr', '/lib', '/lib64'].map(path => `${path}:${path}:ro`)
  await started(daemon, 'echo', ['/node', '-e', script], {
    HostConfig: {
      Binds: [...Binds, `${process.execPath}:/node:ro`],
      PortBindings: { '7000/udp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
    },
  })
  const [bound] = (await containers.inspect('echo')).NetworkSettings.Ports!['7000/udp']!
  const socket = createSocket('udp4')
  // Until the server in the container listens, it is refused.
  socket.on('error', () => {})
  const answer = new Promise<string>(resolve => {
    socket.once('message', (message, from) => resolve(`${message.toString()} from ${from.address}:${from.port}`))
  })
  socket.connect(Number(bound!.HostPort), '127.0.0.1')
  const repeat = setInterval(() => socket.send('hello', () => {}), 50)
  try {
    assert.equal(await answer, `hello from 127.0.0.1:${bound!.HostPort}`)
  } finally {
    clearInterval(repeat)
    socket.close()
  }
})

test('a container that binds port 53 itself has the embedded DNS all the same', async () => {
  await networks.create({ Name: 'dns' })
  await started(daemon, 'peer', SLEEP, on('dns'))
  await started(daemon, 'binder', ['sh', '-c', 'while :; do nc -l -p 53 -e echo mine; done'], on('dns'))
  await started(daemon, 'client', SLEEP, on('dns'))
  assert.deepEqual(await resolved('binder', 'peer'), [await addressOf('peer', 'dns')])
  await until('its own port 53', async () =>
    (await inside(daemon, 'client', 'nc', '-w', '2', 'binder', '53')).stdout === 'mine\n' ? true : undefined,
  )
})

test('a host-network container keeps the resolvers of the host', async () => {
  await started(daemon, 'hosted', SLEEP, on('host'))
  const { stdout } = await inside(daemon, 'hosted', 'cat', '/etc/resolv.conf')
  const nameservers = (text: string) => text.split('\n').filter(line => line.startsWith('nameserver'))
  assert.deepEqual(nameservers(stdout), nameservers(readFileSync('/etc/resolv.conf', 'utf8')))
})

test('connect and disconnect while it runs; a network in use cannot go', async () => {
  await networks.create({ Name: 'a-net' })
  await networks.create({ Name: 'b-net' })
  await started(daemon, 'mover', SLEEP, on('a-net'))
  await started(daemon, 'fixed', SLEEP, on('b-net'))
  await networks.connect('b-net', 'mover', { Aliases: ['moved'] })
  assert.deepEqual(await resolved('fixed', 'moved'), [await addressOf('mover', 'b-net')])
  assert.equal((await inside(daemon, 'fixed', 'ping', '-c', '1', '-W', '2', 'moved')).code, 0)
  await assert.rejects(networks.remove('b-net'), refusal('forbidden', /has active endpoints/))
  await networks.disconnect('b-net', 'mover')
  assert.deepEqual(await resolved('fixed', 'moved'), [])
  assert.deepEqual(Object.keys((await containers.inspect('mover')).NetworkSettings.Networks), ['a-net'])
  await networks.disconnect('a-net', 'mover')
  assert.equal((await containers.inspect('mover')).State.Running, true)
})

test('one namespace for two: container: mode', async () => {
  await networks.create({ Name: 'shared' })
  await started(daemon, 'owner', SLEEP, on('shared'))
  await started(daemon, 'guest', ['httpd', '-f', '-p', '8080', '-h', '/etc'], on('container:owner'))
  await until('the neighbour on lo', async () =>
    (await inside(daemon, 'owner', 'wget', '-q', '-O', '-', 'http://127.0.0.1:8080/passwd')).code === 0
      ? true
      : undefined,
  )
})

test('addresses and ports of removed containers are free again', async () => {
  await networks.create({ Name: 'tiny', IPAM: { Config: [{ Subnet: '10.211.10.0/29' }] } })
  for (let round = 0; round < 3; round++) {
    const names = [0, 1, 2, 3, 4].map(i => `t${round}${i}`)
    await Promise.all(names.map(name => started(daemon, name, SLEEP, on('tiny'))))
    const { Id } = await containers.create({ Image: 'busybox', ...on('tiny') })
    await assert.rejects(containers.start(Id), /no available IPv4 addresses|address/)
    await Promise.all([Id, ...names].map(name => containers.remove(name, { force: true })))
  }
})
