/** Names between containers as their programs ask for them, from real containers. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { inside, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'

let machines: Machines
let daemon: TestDaemon

before(async () => {
  machines = new Machines()
  machines.add('client')
  daemon = new TestDaemon([], { netns: machines.path() })
  await daemon.start()
  await daemon.loadBusybox()
})
after(async () => {
  await daemon.dispose()
  machines.remove()
})

const attached = (NetworkMode: string, aliases: string[] = []) => ({
  HostConfig: { NetworkMode },
  NetworkingConfig: { EndpointsConfig: { [NetworkMode]: { Aliases: aliases } } },
})
const composeLabels = (project: string, service: string) => ({
  'com.docker.compose.project': project,
  'com.docker.compose.service': service,
})
const addressOf = async (name: string, network: string) =>
  (await daemon.client.containers.inspect(name)).NetworkSettings.Networks[network]!.IPAddress
/** Addresses that a name has for a container, in order; none for a name that is not there. */
async function resolved(container: string, name: string): Promise<string[]> {
  const { stdout } = await inside(daemon, container, 'nslookup', '-type=a', name)
  const answer = stdout.slice(stdout.indexOf('\n\n'))
  return [...answer.matchAll(/^Address: (\S+)$/gm)].map(match => match[1]!)
}

test('a service name means the own project’s, whichever of its networks it is on', async () => {
  for (const Name of ['ashared', 'zown']) await daemon.client.networks.create({ Name })
  for (const project of ['one', 'two']) {
    const Labels = composeLabels(project, 'db')
    await started(daemon, `${project}-db`, undefined, { Labels, ...attached('ashared', ['db']) })
    await started(daemon, `${project}-app`, undefined, {
      Labels: composeLabels(project, 'app'),
      ...attached('ashared'),
    })
  }
  await started(daemon, 'guest', undefined, attached('ashared'))
  const [one, two] = [await addressOf('one-db', 'ashared'), await addressOf('two-db', 'ashared')]
  assert.deepEqual(await resolved('one-app', 'db'), [one])
  assert.deepEqual(await resolved('two-app', 'db'), [two])
  assert.deepEqual((await resolved('guest', 'db')).toSorted(), [one, two].toSorted())
  // Its own `db` is on another network than the foreign one, which comes first.
  const labels = (service: string) => ({ Labels: composeLabels('three', service) })
  await started(daemon, 'three-db', undefined, { ...labels('db'), ...attached('zown', ['db']) })
  await started(daemon, 'three-app', undefined, { ...labels('app'), ...attached('ashared') })
  await daemon.client.networks.connect('zown', 'three-app')
  assert.deepEqual(await resolved('three-app', 'db'), [await addressOf('three-db', 'zown')])
})

test('aliases of several containers: all of them, each once, in changing order', async () => {
  await daemon.client.networks.create({ Name: 'pool' })
  const names = ['p1', 'p2', 'p3'].map(name => `pool-${name}`)
  for (const name of names) await started(daemon, name, undefined, attached('pool', ['pool']))
  const all = (await Promise.all(names.map(name => addressOf(name, 'pool')))).toSorted()
  const orders = new Set<string>()
  for (let i = 0; i < 12; i++) {
    const answer = await resolved('pool-p1', 'pool')
    assert.deepEqual(answer.toSorted(), all)
    orders.add(answer[0]!)
  }
  assert.ok(orders.size > 1, 'round robin')
})

test('names of containers are answered at once while the server outside is dead; reverse names too', async () => {
  const dead = {
    HostConfig: {
      NetworkMode: 'pool',
      Dns: ['192.0.2.53'],
      DnsSearch: ['lan.test'],
      DnsOptions: ['timeout:1', 'attempts:1'],
    },
  }
  await started(daemon, 'asker', undefined, dead)
  const { stdout: config } = await inside(daemon, 'asker', 'cat', '/etc/resolv.conf')
  assert.match(config, /^nameserver 127\.0\.0\.11$/m)
  assert.match(config, /^search lan\.test$/m)
  assert.match(config, /^options .*timeout:1.*attempts:1/m)
  // busybox's nslookup tries the search domain first, whatever ndots says, unless the name ends in a dot.
  const began = performance.now()
  assert.equal((await resolved('asker', 'pool-p2.')).length, 1)
  assert.ok(performance.now() - began < 1500)
  const { stdout } = await inside(daemon, 'asker', 'nslookup', await addressOf('pool-p2', 'pool'))
  assert.match(stdout, /name = pool-p2\.pool/)
})

const SERVER = `
const dgram = require('node:dgram').createSocket('udp4'), net = require('node:net')
// The question, and one answer: 203.0.113.7.
const answer = query => {
  const end = query.indexOf(0, 12) + 5
  const reply = Buffer.concat([query.subarray(0, end), Buffer.from('c00c000100010000003c0004cb007107', 'hex')])
  reply.writeUInt16BE(0x8180, 2)
  reply.writeUInt16BE(1, 6)
  reply.writeUInt32BE(0, 8)
  return reply
}
dgram.on('message', (query, from) => dgram.send(answer(query), from.port, from.address))
net.createServer(socket => socket.on('data', data => {
  const reply = answer(data.subarray(2))
  socket.end(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]))
})).listen(53, '0.0.0.0', () => dgram.bind(53, '0.0.0.0', () => console.log('bound')))`

test('a container with a DNS server of its own on port 53 serves itself, others and other machines', async () => {
  await started(daemon, 'dns', undefined, {
    ExposedPorts: { '53/udp': {}, '53/tcp': {} },
    ...attached('pool'),
    HostConfig: {
      NetworkMode: 'pool',
      PortBindings: { '53/udp': [{ HostIp: '', HostPort: '5353' }], '53/tcp': [{ HostIp: '', HostPort: '5353' }] },
    },
  })
  const { State } = await daemon.client.containers.inspect('dns')
  const server = spawn('nsenter', [`--net=/proc/${State.Pid}/ns/net`, process.execPath, '-e', SERVER])
  server.stderr.on('data', (data: Buffer) => assert.fail(data.toString()))
  await once(server.stdout, 'data')
  try {
    const query = ['nslookup', '-type=a', 'x.example']
    const own = await inside(daemon, 'dns', ...query, '127.0.0.1')
    assert.match(own.stdout, /203\.0\.113\.7/, own.stderr)
    const other = await inside(daemon, 'pool-p1', ...query, await addressOf('dns', 'pool'))
    assert.match(other.stdout, /203\.0\.113\.7/, other.stderr)
    // And the engine's own resolver goes on beside it.
    assert.equal((await resolved('dns', 'pool-p2')).length, 1)
    for (const transport of ['+notcp', '+tcp']) {
      const dig = machines.on('client', [
        'dig',
        '+short',
        '+time=2',
        '+tries=1',
        transport,
        '-p',
        '5353',
        `@${machines.address}`,
        'x.example',
      ])
      assert.equal(dig.stdout, '203.0.113.7\n', dig.stderr)
    }
  } finally {
    server.kill()
  }
})
