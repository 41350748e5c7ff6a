/** What another machine on the host's network can and cannot do: it lives in a namespace of its own behind a wire. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { inside, logged, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'
import { until } from '../support/tools.ts'

let machines: Machines
let daemon: TestDaemon
let client: { address: string; address6: string }

before(async () => {
  machines = new Machines()
  client = machines.add('client')
  // A host that forwards nothing, with one more network behind it.
  const ip = (machine: string, command: string) => {
    const { code, stderr } = machines.on(machine, ['ip', ...command.split(' ')])
    assert.equal(code, 0, `${command}: ${stderr}`)
  }
  machines.add('behind')
  machines.on('host', ['sysctl', '-qw', 'net.ipv4.ip_forward=0'])
  ip('behind', 'link delete eth0')
  ip('host', `link add lan0 type veth peer name eth0 netns ${machines.name('behind')}`)
  ip('host', 'addr add 10.78.0.1/24 dev lan0')
  ip('host', 'link set lan0 up')
  ip('behind', 'addr add 10.78.0.2/24 dev eth0')
  ip('behind', 'link set eth0 up')
  ip('behind', 'route add default via 10.78.0.1')
  daemon = new TestDaemon([], { netns: machines.path() })
  await daemon.start()
  await daemon.loadBusybox()
  await daemon.client.networks.create({
    Name: 'dual',
    EnableIPv6: true,
    IPAM: { Config: [{ Subnet: '172.29.7.0/24' }, { Subnet: 'fd00:29:7::/64' }] },
  })
  const publish = (ports: Record<string, string>) => ({
    ExposedPorts: Object.fromEntries(Object.keys(ports).map(port => [port, {}])),
    HostConfig: {
      NetworkMode: 'dual',
      PortBindings: Object.fromEntries(
        Object.entries(ports).map(([port, host]) => {
          const at = host.lastIndexOf(':')
          const HostIp = at < 0 ? '' : host.slice(0, at).replace(/[[\]]/g, '')
          return [port, [{ HostIp, HostPort: host.slice(at + 1) }]]
        }),
      ),
    },
  })
  const httpd = ['httpd', '-f', '-v', '-p', '80', '-h', '/etc']
  await started(daemon, 'web', httpd, publish({ '80/tcp': '8080' }))
  await started(daemon, 'local', httpd, publish({ '80/tcp': '127.0.0.1:8081' }))
  await started(
    daemon,
    'local6',
    ['httpd', '-f', '-v', '-p', '[::]:80', '-h', '/etc'],
    publish({ '80/tcp': '[::1]:8082' }),
  )
  await started(daemon, 'private', httpd, { HostConfig: { NetworkMode: 'dual' } })
  await started(daemon, 'udp', undefined, publish({ '53/udp': '5300' }))
})
after(async () => {
  await daemon.dispose()
  machines.remove()
})

const get = (machine: string, url: string) =>
  machines.on(machine, ['curl', '-s', '-g', '-m', '1', '-o', '/dev/null', '-w', '%{http_code}', url])
const reached = (machine: string, url: string) => get(machine, url).stdout === '200'
const addressOf = async (name: string, field: 'IPAddress' | 'GlobalIPv6Address' = 'IPAddress') => {
  const { NetworkSettings } = await daemon.client.containers.inspect(name)
  return NetworkSettings.Networks.dual![field]
}
/** The access log of a web server, once a line says `text`. */
const seen = (name: string, text: string) =>
  until(`${name} sees ${text}`, async () => ((await logged(daemon, name)).includes(text) ? true : undefined))

test('a published port: the container sees the real address of who asks, IPv4 and IPv6', async () => {
  assert.ok(reached('client', `http://${machines.address}:8080/passwd`))
  await seen('web', client.address)
  assert.ok(reached('client', `http://[${machines.address6}]:8080/passwd`))
  await seen('web', client.address6)
})

test('a port at 127.0.0.1: the host reaches it, no other machine does; nor one at [::1]', async () => {
  assert.ok(reached('host', 'http://127.0.0.1:8081/passwd'))
  assert.ok(!reached('client', `http://${machines.address}:8081/passwd`))
  // A neighbour may send what it likes down the wire: a packet for 127.0.0.1 is one.
  machines.on('client', ['sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1'])
  machines.on('client', ['ip', 'addr', 'del', '127.0.0.1/8', 'dev', 'lo'])
  machines.on('client', [
    'ip',
    'route',
    'add',
    '127.0.0.1/32',
    'via',
    machines.address,
    'dev',
    'eth0',
    'src',
    client.address,
  ])
  assert.match(machines.on('client', ['ip', 'route', 'get', '127.0.0.1']).stdout, /via 10\.213\.0\.1/)
  assert.ok(!reached('client', 'http://127.0.0.1:8081/passwd'))
  machines.on('client', ['ip', 'route', 'del', '127.0.0.1/32'])
  machines.on('client', ['ip', 'addr', 'add', '127.0.0.1/8', 'dev', 'lo'])
  assert.ok(!reached('client', `http://[${machines.address6}]:8082/passwd`))
})

test('what is not published is not reached, also by a route straight to the container', async () => {
  const [web, hidden, hidden6] = [
    await addressOf('web'),
    await addressOf('private'),
    await addressOf('private', 'GlobalIPv6Address'),
  ]
  for (const url of [
    `http://${hidden}/passwd`,
    `http://[${hidden6}]/passwd`,
    `http://${web}/passwd`,
    `http://${machines.address}:80/passwd`,
  ]) {
    assert.ok(!reached('client', url), url)
  }
  assert.ok(reached('host', `http://${hidden}/passwd`))
})

test('a packet with the address of a container, from outside, goes nowhere', async () => {
  const [web, hidden] = [await addressOf('web'), await addressOf('private')]
  const before = await logged(daemon, 'web')
  // The client claims to be another container of the network.
  machines.on('client', ['ip', 'addr', 'add', `${hidden}/32`, 'dev', 'lo'])
  for (const url of [`http://${web}/passwd`, `http://${machines.address}:8080/passwd`]) {
    const { stdout } = machines.on('client', [
      'curl',
      '-s',
      '-m',
      '1',
      '--interface',
      hidden,
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      url,
    ])
    assert.equal(stdout, '000', url)
  }
  machines.on('client', ['ip', 'addr', 'del', `${hidden}/32`, 'dev', 'lo'])
  assert.equal(await logged(daemon, 'web'), before)
})

test('a container that claims a foreign address gets nothing out', async () => {
  await started(daemon, 'forger', undefined, { HostConfig: { NetworkMode: 'dual', CapAdd: ['NET_ADMIN'] } })
  await inside(daemon, 'forger', 'ip', 'addr', 'add', '203.0.113.5/32', 'dev', 'lo')
  const capture = machines.on('host', [
    'sh',
    '-c',
    `timeout 3 tcpdump -ni eth0 -c 1 src host 203.0.113.5 2>/dev/null & sleep 0.5; nsenter --net=/proc/${(await daemon.client.containers.inspect('forger')).State.Pid}/ns/net ping -c 2 -W 1 -I 203.0.113.5 ${client.address}; wait`,
  ])
  assert.doesNotMatch(capture.stdout, /203\.0\.113\.5 >/)
  assert.match(capture.stdout, /100% packet loss/)
})

test('a container reaches its own published port, and the outside', async () => {
  const { stdout } = await inside(daemon, 'web', 'wget', '-qO-', `http://${machines.address}:8080/hostname`)
  assert.ok(stdout.length > 0)
  const { code } = await inside(daemon, 'web', 'ping', '-c', '1', '-W', '2', client.address)
  assert.equal(code, 0)
})

/** Answers each datagram with the address that it came from. */
const ECHO = `
const socket = require('node:dgram').createSocket('udp4')
socket.on('message', (_, from) => socket.send(from.address, from.port, from.address))
socket.bind(53, '0.0.0.0', () => console.log('bound'))`
const ASK = `
const socket = require('node:dgram').createSocket('udp4')
socket.on('message', message => { console.log(String(message)); socket.close() })
socket.send('hello', 5300, process.argv[1])
setTimeout(() => process.exit(), 2000)`

test('UDP is published too, with the real address of who asks', async () => {
  const { State } = await daemon.client.containers.inspect('udp')
  const server = spawn('nsenter', [`--net=/proc/${State.Pid}/ns/net`, process.execPath, '-e', ECHO])
  await once(server.stdout, 'data')
  const { stdout } = machines.on('client', [process.execPath, '-e', ASK, machines.address])
  server.kill()
  assert.equal(stdout, `${client.address}\n`)
})

test('a host firewall that denies by default decides about published ports and about egress', async () => {
  const nft = (script: string) => {
    const { code, stderr } = machines.on('host', ['nft', '-f', '-'], { input: script })
    assert.equal(code, 0, stderr)
  }
  nft(`table inet hostfw {
    chain input { type filter hook input priority 0; policy drop; ct state established,related accept; iifname "lo" accept; }
    chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept; }
  }`)
  assert.ok(!reached('client', `http://${machines.address}:8080/passwd`))
  assert.notEqual((await inside(daemon, 'web', 'ping', '-c', '1', '-W', '1', client.address)).code, 0)
  nft('add rule inet hostfw forward ct status dnat tcp dport 80 accept')
  assert.ok(reached('client', `http://${machines.address}:8080/passwd`))
  nft('add rule inet hostfw forward ip saddr 172.29.7.0/24 accept')
  assert.equal((await inside(daemon, 'web', 'ping', '-c', '1', '-W', '1', client.address)).code, 0)
  nft('delete table inet hostfw')
})

test('rules that another program flushed are back within five seconds', async () => {
  machines.on('host', ['nft', 'flush', 'ruleset'])
  const began = performance.now()
  await until('the port is back', async () =>
    reached('client', `http://${machines.address}:8080/passwd`) ? true : undefined,
  )
  assert.ok(performance.now() - began < 5000)
  assert.ok(!reached('client', `http://${machines.address}:8081/passwd`))
})

test('a host that forwards only because of us is no router between its other networks', async () => {
  assert.equal(machines.on('host', ['sysctl', '-n', 'net.ipv4.ip_forward']).stdout, '1\n')
  const across = () => machines.on('client', ['ping', '-c', '1', '-W', '1', '10.78.0.2']).code === 0
  assert.equal(across(), false)
  assert.ok(reached('behind', `http://${machines.address}:8080/passwd`), 'published ports are for everybody')
  await daemon.stop('SIGKILL')
  await daemon.start()
  assert.equal(across(), false, 'after a restart too')
  await daemon.stop()
  // A host that forwards on its own account is left as it is.
  machines.on('host', ['nft', 'flush', 'ruleset'])
  assert.equal(across(), true)
})
