/** Bridge networks without translation, or without protection: another machine has a route to the containers. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inside, logged, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'

const MODE = 'com.docker.network.bridge.gateway_mode_ipv'
let machines: Machines
let daemon: TestDaemon
let client: { address: string; address6: string }

before(async () => {
  machines = new Machines()
  client = machines.add('client')
  daemon = new TestDaemon([], { netns: machines.path() })
  await daemon.start()
  await daemon.loadBusybox()
  const dual = (Name: string, number: number, mode: string) =>
    daemon.client.networks.create({
      Name,
      EnableIPv6: true,
      IPAM: { Config: [{ Subnet: `172.29.${number}.0/24` }, { Subnet: `fd00:29:${number}::/64` }] },
      Options: { [`${MODE}4`]: mode, [`${MODE}6`]: mode },
    })
  await dual('routed', 21, 'routed')
  await dual('open', 22, 'nat-unprotected')
  const serve = ['sh', '-c', 'httpd -p 81 -h /etc; httpd -f -v -p 80 -h /etc']
  for (const network of ['routed', 'open']) {
    await started(daemon, `web-${network}`, serve, {
      ExposedPorts: { '80/tcp': {} },
      HostConfig: {
        NetworkMode: network,
        PortBindings: { '80/tcp': [{ HostIp: '', HostPort: network === 'routed' ? '8080' : '8081' }] },
      },
    })
  }
})
after(async () => {
  await daemon.dispose()
  machines.remove()
})

const reached = (url: string) => machines.on('client', ['curl', '-sfg', '-m', '1', `http://${url}/hostname`]).code === 0
const pinged = (address: string) => machines.on('client', ['ping', '-c1', '-W2', address]).code === 0

test('routed: a published port is reached at the container, no other, and nothing at the host; nothing is translated', async () => {
  for (const address of ['172.29.21.2', '[fd00:29:21::2]']) {
    assert.ok(reached(`${address}:80`), address)
    assert.ok(!reached(`${address}:81`), address)
  }
  assert.ok(!reached(`${machines.address}:8080`))
  assert.ok(pinged('172.29.21.2') && pinged('fd00:29:21::2'))
  assert.ok((await logged(daemon, 'web-routed')).includes(client.address))
  const capture = machines.on('client', [
    'sh',
    '-c',
    `timeout 3 tcpdump -ni eth0 -c 1 icmp and src host 172.29.21.2 2>/dev/null & sleep 0.5; nsenter --net=/proc/${(await daemon.client.containers.inspect('web-routed')).State.Pid}/ns/net ping -c 2 -W 1 ${client.address} >/dev/null; wait`,
  ])
  assert.match(capture.stdout, /172\.29\.21\.2 > /)
})

test('nat-unprotected: every port at the container, published ones at the host too', () => {
  for (const url of ['172.29.22.2:80', '172.29.22.2:81', '[fd00:29:22::2]:81', `${machines.address}:8081`]) {
    assert.ok(reached(url), url)
  }
})

test('isolated: the host has no address there, containers reach each other', async () => {
  const options = { [`${MODE}4`]: 'isolated' }
  await assert.rejects(
    daemon.client.networks.create({ Name: 'alone', Options: options }),
    /only be used for an internal/,
  )
  await daemon.client.networks.create({
    Name: 'alone',
    Internal: true,
    Options: { ...options, 'com.docker.network.bridge.name': 'alone0' },
  })
  await started(daemon, 'one', undefined, { HostConfig: { NetworkMode: 'alone' } })
  await started(daemon, 'two', undefined, { HostConfig: { NetworkMode: 'alone' } })
  assert.equal((await inside(daemon, 'one', 'ping', '-c1', '-W2', 'two')).code, 0)
  assert.equal(machines.on('host', ['ip', '-4', '-o', 'addr', 'show', 'dev', 'alone0']).stdout, '')
})
