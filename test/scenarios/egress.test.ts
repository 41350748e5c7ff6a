/** What containers with an egress policy reach of another machine, by address and by name. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { inside, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'
import { until } from '../support/tools.ts'

const [API, CDN, PLAIN] = ['10.213.0.100', '10.213.0.101', '10.213.0.102']
const SIX = 'fd00:213::100'

/** The other machine: a web server at many ports, and a DNS server that answers with the name's address. */
const OUTSIDE = `
const http = require('node:http')
for (const port of [80, 443, 8000, 8001, 8002]) http.createServer((_, reply) => reply.end('here')).listen(port, '::')
const dns = require('node:dgram').createSocket('udp4')
const name = text => Buffer.concat([...text.split('.').map(part => Buffer.from(String.fromCharCode(part.length) + part)), Buffer.of(0)])
const record = (owner, type, data) => {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0); fixed.writeUInt16BE(1, 2); fixed.writeUInt32BE(5, 4); fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([name(owner), fixed, data])
}
const A = { 'api.example.test': '${API}', 'img.cdn.test': '${CDN}', 'origin.other.test': '${CDN}', 'plain.example.test': '${PLAIN}' }
dns.on('message', (query, from) => {
  let asked = ''
  let at = 12
  for (; query[at] > 0; at += 1 + query[at]) asked += (asked && '.') + query.toString('latin1', at + 1, at + 1 + query[at])
  const type = query.readUInt16BE(at + 1)
  const answers = []
  let owner = asked
  if (asked === 'www.example.test') answers.push(record(asked, 5, name(owner = 'origin.other.test')))
  if (type === 1 && A[owner]) answers.push(record(owner, 1, Buffer.from(A[owner].split('.').map(Number))))
  if (type === 28 && owner === 'api.example.test') answers.push(record(owner, 28, Buffer.from('fd000213000000000000000000000100', 'hex')))
  const head = Buffer.from(query.subarray(0, at + 5))
  head.writeUInt16BE(0x8180, 2); head.writeUInt16BE(answers.length, 6); head.fill(0, 8, 12)
  dns.send(Buffer.concat([head, ...answers]), from.port, from.address)
})
dns.bind(53, () => console.log('bound'))`

let machines: Machines
let daemon: TestDaemon
let outside: ChildProcess
let client: { address: string; address6: string }

before(async () => {
  machines = new Machines()
  client = machines.add('client')
  for (const address of [API, CDN, PLAIN]) machines.on('client', ['ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0'])
  machines.on('client', ['ip', 'addr', 'add', `${SIX}/64`, 'dev', 'eth0', 'nodad'])
  outside = spawn('nsenter', [`--net=${machines.path('client')}`, process.execPath, '-e', OUTSIDE])
  await once(outside.stdout!, 'data')
  daemon = new TestDaemon([], { netns: machines.path() })
  await daemon.start()
  await daemon.loadBusybox()
  ok('network', 'create', '--ipv6', '--subnet', '172.29.8.0/24', '--subnet', 'fd00:29:8::/64', 'dual')
  await started(daemon, 'free', undefined, { HostConfig: { NetworkMode: 'dual' } })
})
after(async () => {
  outside.kill()
  await daemon.dispose()
  machines.remove()
})

function ok(...args: string[]): string {
  const { code, stdout, stderr } = daemon.berth(...args)
  assert.equal(code, 0, stderr)
  return stdout
}
const limited = (name: string, policy: string, ports: Record<string, string> = {}) =>
  started(daemon, name, undefined, {
    HostConfig: {
      NetworkMode: 'dual',
      Dns: [client.address],
      Annotations: { 'berth.egress': policy },
      PortBindings: Object.fromEntries(
        Object.entries(ports).map(([port, HostPort]) => [port, [{ HostIp: '', HostPort }]]),
      ),
    },
  })
/** A connection that is dropped takes as long as we wait: long only where one is expected. */
const reaches = async (container: string, url: string, seconds = 5) =>
  (await inside(daemon, container, 'timeout', String(seconds), 'wget', '-qO-', `http://${url}/`)).stdout === 'here'
/** Of all these, asked at once, `yes` are reached and no other. */
const reached = async (container: string, yes: string[], no: string[] = []) => {
  const answers = await Promise.all([
    ...yes.map(url => reaches(container, url)),
    ...no.map(url => reaches(container, url, 1)),
  ])
  assert.deepEqual(
    [...yes, ...no].filter((_, index) => answers[index]),
    yes,
  )
}
const status = async (name: string) => (await daemon.client.networks.egress(name))[0]

describe('at the same time, since what is dropped takes its time', { concurrency: true }, () => {
  test('addresses, subnets and ports: what is not allowed is dropped, by both families', async () => {
    const policy = `allow=${API}:443,${CDN}:8000-8001/tcp,10.213.0.102/31,[${SIX}]:80`
    ok('run', '-d', '--name', 'ports', '--network', 'dual', '--egress', policy, 'busybox', 'sleep', '1000')
    const yes = [`${API}:443`, `${CDN}:8000`, `${CDN}:8001`, `${PLAIN}:80`, `${PLAIN}:8002`, `[${SIX}]:80`]
    const no = [`${API}:80`, `${CDN}:8002`, `[${SIX}]:443`, `[${client.address6}]:80`, `${client.address}:80`]
    await Promise.all([reached('ports', yes, no), reached('free', [...yes, ...no])])
    assert.equal((await inside(daemon, 'ports', 'ping', '-c1', '-W1', PLAIN)).code, 0)
    const ping = await Promise.all([API, 'free'].map(name => inside(daemon, 'ports', 'ping', '-c1', '-W1', name)))
    assert.deepEqual(
      ping.map(one => one.code),
      [1, 0],
    )
  })

  test('allow= denies everything, services of the host too; published ports of the container work', async () => {
    await limited('none', 'allow=', { '80/tcp': '8080' })
    const web = await inside(daemon, 'none', 'sh', '-c', 'echo here > /index.html; httpd -p 80 -h /')
    assert.equal(web.code, 0)
    const host = spawn('nsenter', [
      ...[`--net=${machines.path()}`, process.execPath, '-e'],
      "require('node:http').createServer((_, reply) => reply.end('here')).listen(7000, () => console.log('bound'))",
    ])
    await once(host.stdout, 'data')
    const urls = [`${machines.address}:7000`, '172.29.8.1:7000', `${API}:80`]
    const bridge = machines.on('host', ['sh', '-c', 'ip -6 -o addr show scope link | grep br-']).stdout
    const local = /inet6 (fe80::[^/]+)/.exec(bridge)![1]
    const ask = (name: string) =>
      inside(daemon, name, 'timeout', '2', 'sh', '-c', `printf 'GET / HTTP/1.0\r\n\r\n' | nc ${local}%eth0 7000`)
    assert.match((await ask('free')).stdout, /here/)
    assert.equal((await ask('none')).stdout, '')
    await reached('free', urls)
    await reached('none', [], urls)
    host.kill()
    const { stdout } = machines.on('client', ['curl', '-s', '-m', '2', `http://${machines.address}:8080/index.html`])
    assert.equal(stdout, 'here\n')
  })

  test('names are followed, through CNAMEs and wildcards, at once', async () => {
    await limited('names', 'allow=api.example.test:80,www.example.test,*.cdn.test:443')
    await reached('names', [], [`${API}:80`, `${CDN}:80`, 'plain.example.test'])
    await reached('names', ['api.example.test', 'www.example.test:8002', 'img.cdn.test:443'], ['api.example.test:443'])
    const addresses = new Map(
      (await status('names'))!.names.map(one => [one.name, one.addresses.map(each => each.address)]),
    )
    assert.deepEqual(addresses.get('api.example.test')?.toSorted(), [API, SIX])
    assert.deepEqual(addresses.get('img.cdn.test'), [CDN])
    assert.ok(await reaches('names', `[${SIX}]:80`))
  })

  test('policies of networks and of containers hold together; they change while it runs', async () => {
    ok('network', 'create', '--egress', `allow=${API},${CDN}:80`, 'fenced')
    await started(daemon, 'both', undefined, {
      HostConfig: { NetworkMode: 'fenced', Annotations: { 'berth.egress': 'allow=10.213.0.100/31:80' } },
    })
    const [api, secure, cdn, plain] = [`${API}:80`, `${API}:443`, `${CDN}:80`, `${PLAIN}:80`]
    await reached('both', [api, cdn], [secure, plain])
    ok('update', '--egress', `allow=${API}:443`, 'both')
    await reached('both', [secure], [api, cdn, plain])
    await daemon.client.containers.update('both', { Egress: '' })
    await reached('both', [api, secure, cdn], [plain])
    await daemon.client.networks.connect('dual', 'both')
    assert.deepEqual(
      (await status('both'))!.policies.map(one => one.of),
      ['network fenced'],
    )
  })
})

test('drops are counted and listed', async () => {
  const before = (await status('ports'))!
  assert.ok(before.droppedPackets >= 4)
  assert.ok(before.dropped.some(one => one.destination === API && one.port === 80 && one.protocol === 'tcp'))
  assert.ok(before.dropped.some(one => one.destination === SIX && one.port === 443))
  assert.equal(await status('free'), undefined)
  const text = ok('network', 'egress', 'ports')
  assert.match(text, new RegExp(`ports +container +\\d+ +allow=${API}:443`))
  assert.match(text, new RegExp(`${API}:80/tcp`))
  const question = { from: 'ports', to: API, protocol: 'tcp' } as const
  const denied = await daemon.client.networks.explain({ ...question, port: 80 })
  assert.equal(denied.cause?.code, 'egress-denied', JSON.stringify(denied))
  const allowed = await daemon.client.networks.explain({ ...question, port: 443 })
  assert.equal(allowed.cause, undefined, JSON.stringify(allowed))
})

test('a policy that cannot be read, or cannot hold, is refused', async () => {
  const { containers, networks } = daemon.client
  const create = (policy: string, NetworkMode = 'dual') =>
    containers.create({ Image: 'busybox', HostConfig: { NetworkMode, Annotations: { 'berth.egress': policy } } })
  await assert.rejects(create('10.0.0.0/8'), /must begin with "allow="/)
  await assert.rejects(create('allow=10.0.0.0/33'), /a prefix is 0 to 32 bits/)
  await assert.rejects(create('allow=x:99999'), /a port is 1 to 65535/)
  await assert.rejects(create('allow=', 'host'), /needs a network of the container's own/)
  await assert.rejects(create('allow=', 'container:free'), /needs a network of the container's own/)
  await assert.rejects(containers.update('free', { Egress: 'all' }), /must begin with "allow="/)
  await assert.rejects(networks.create({ Name: 'bad', Options: { 'berth.egress': 'allow=1.2.3' } }), /no address/)
})

test('it survives the daemon being killed and the rules being flushed', async () => {
  const dropped = (await status('ports'))!.droppedPackets
  for (let times = 0; times < 2; times++) {
    await daemon.stop('SIGKILL')
    await daemon.start()
    assert.equal((await status('ports'))!.droppedPackets, dropped)
  }
  const check = () =>
    Promise.all([
      reached('names', [`${API}:80`, `${CDN}:443`], [`${API}:443`, `${PLAIN}:80`]),
      reached('ports', [`${API}:443`], [`${API}:80`]),
    ])
  await check()
  assert.ok((await status('ports'))!.droppedPackets > dropped)
  machines.on('host', ['nft', 'flush', 'ruleset'])
  await until('the policy is back', async () => ((await reaches('none', `${API}:80`, 1)) ? undefined : true))
  await check()
  await daemon.client.containers.remove('names', { force: true })
  const { stdout } = machines.on('host', ['nft', 'list', 'ruleset'])
  assert.doesNotMatch(stdout, new RegExp(`172\\.29\\.8\\.\\d+ \\. ${CDN} \\. tcp \\. 443`))
})
