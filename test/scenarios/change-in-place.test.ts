/** Ports of a container and options of a network change while they are in use. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inside, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'
import { ok, run } from '../support/tools.ts'

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

const reached = (port: number) =>
  machines.on('client', ['curl', '-s', '-m', '1', `http://${machines.address}:${port}/passwd`]).stdout.includes('root')
const ports = async (name: string) => (await ok(daemon, 'docker', ['port', name])).split('\n').filter(Boolean)

test('ports are added to and taken from a running container', async () => {
  await ok(daemon, 'docker', [
    'run',
    '-d',
    '--name',
    'web',
    '-p',
    '8080:80',
    'busybox',
    'httpd',
    '-f',
    '-p',
    '80',
    '-h',
    '/etc',
  ])
  const pid = (await daemon.client.containers.inspect('web')).State.Pid
  assert.deepEqual(await ports('web'), ['80/tcp -> 0.0.0.0:8080'])
  await ok(daemon, 'berth', ['update', '--publish-add', '8081:80', 'web'])
  assert.deepEqual([reached(8080), reached(8081)], [true, true])
  await ok(daemon, 'berth', ['update', '--publish-rm', '8080:80', 'web'])
  assert.deepEqual([reached(8080), reached(8081)], [false, true])
  assert.deepEqual(await ports('web'), ['80/tcp -> 0.0.0.0:8081'])
  assert.equal((await daemon.client.containers.inspect('web')).State.Pid, pid, 'no restart')
})

test('a port that is taken, or not there, changes nothing', async () => {
  await started(daemon, 'other', undefined, {
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8085' }] } },
  })
  const taken = await run(daemon, 'berth', ['update', '--publish-add', '8085:80', '--publish-rm', '8081:80', 'web'])
  assert.match(taken.stderr, /Bind for 0\.0\.0\.0:8085 failed: port is already allocated \(by container other\)/)
  const absent = await run(daemon, 'berth', ['update', '--publish-rm', '8080:80', 'web'])
  assert.match(absent.stderr, /container web does not publish 8080:80\/tcp/)
  assert.deepEqual([reached(8081), await ports('web')], [true, ['80/tcp -> 0.0.0.0:8081']])
  await started(daemon, 'shared', undefined, { HostConfig: { NetworkMode: 'host' } })
  assert.match(
    (await run(daemon, 'berth', ['update', '--publish-add', '9000:80', 'shared'])).stderr,
    /network mode host, which publishes no ports/,
  )
})

test('changed ports survive a kill of the daemon, a restart and a stop', async () => {
  await daemon.stop('SIGKILL')
  await daemon.start()
  assert.deepEqual([reached(8080), reached(8081)], [false, true])
  await ok(daemon, 'docker', ['restart', '-t', '0', 'web'])
  assert.deepEqual([reached(8080), reached(8081)], [false, true])
  await ok(daemon, 'docker', ['stop', '-t', '0', 'web'])
  await ok(daemon, 'berth', ['update', '--publish-add', '8082:80', 'web'])
  await ok(daemon, 'docker', ['start', 'web'])
  assert.deepEqual([reached(8081), reached(8082)], [true, true])
})

test('a network changes its labels, packet size and isolation under its containers', async () => {
  await daemon.client.networks.create({ Name: 'net', Labels: { a: '1' } })
  const on = { HostConfig: { NetworkMode: 'net' } }
  await started(daemon, 'one', undefined, on)
  await started(daemon, 'two', undefined, on)
  const mtu = async () => (await inside(daemon, 'two', 'cat', '/sys/class/net/eth0/mtu')).stdout.trim()
  const pings = async () => (await inside(daemon, 'two', 'ping', '-c', '1', '-W', '1', 'one')).code === 0
  assert.deepEqual([await mtu(), await pings()], ['1500', true])
  await ok(daemon, 'berth', ['network', 'update', '--mtu', '1400', '--label-add', 'b=2', '--label-rm', 'a', 'net'])
  assert.deepEqual([await mtu(), await pings()], ['1400', true])
  await ok(daemon, 'berth', ['network', 'update', '-o', 'com.docker.network.bridge.enable_icc=false', 'net'])
  assert.equal(await pings(), false)
  await daemon.stop('SIGKILL')
  await daemon.start()
  assert.deepEqual([await mtu(), await pings()], ['1400', false])
  await ok(daemon, 'berth', ['network', 'update', '-o', 'com.docker.network.bridge.enable_icc=', '--mtu', '0', 'net'])
  assert.deepEqual([await mtu(), await pings()], ['1500', true])
  const { Labels, Options } = await daemon.client.networks.inspect('net')
  assert.deepEqual([Labels, Options], [{ b: '2' }, {}])
})

test('what of a network cannot change is refused by name', async () => {
  for (const [args, words] of [
    [
      ['-o', 'com.docker.network.bridge.name=x', 'net'],
      /option com\.docker\.network\.bridge\.name of network net cannot change/,
    ],
    [['--label-rm', 'zz', 'net'], /network net has no label zz/],
    [['--mtu', '99999', 'net'], /is not a number of bytes from 68 to 65535/],
    [['--mtu', '10', 'net'], /is not a number of bytes from 68 to 65535/],
    [['--mtu', '1300', 'bridge'], /bridge is a pre-defined network/],
    [['--mtu', '1300', 'none-such'], /network none-such not found/],
  ] as const) {
    const { code, stderr } = await run(daemon, 'berth', ['network', 'update', ...args])
    assert.equal(code, 1)
    assert.match(stderr, words)
  }
})

test('ports follow the way out: published when a container gets one, gone when it loses it', async () => {
  await daemon.client.networks.create({ Name: 'inner', Internal: true })
  await ok(daemon, 'docker', [
    'run',
    '-d',
    '--name',
    'hidden',
    '--network',
    'inner',
    '-p',
    '8090:80',
    'busybox',
    'httpd',
    '-f',
    '-p',
    '80',
    '-h',
    '/etc',
  ])
  assert.deepEqual([await ports('hidden'), reached(8090)], [[], false])
  await ok(daemon, 'docker', ['network', 'connect', 'net', 'hidden'])
  assert.deepEqual([await ports('hidden'), reached(8090)], [['80/tcp -> 0.0.0.0:8090'], true])
  await ok(daemon, 'docker', ['network', 'disconnect', 'net', 'hidden'])
  assert.deepEqual([await ports('hidden'), reached(8090)], [[], false])
})

test('static addresses and MACs stay their owner’s; interfaces have the names that were asked for', async () => {
  await daemon.client.networks.create({ Name: 'fixed', IPAM: { Config: [{ Subnet: '172.30.1.0/24' }] } })
  const on = (options: string) => ['--network', `name=fixed,${options}`, 'busybox', 'sleep', '1000']
  await ok(daemon, 'docker', ['run', '-d', '--name', 'owner', ...on('ip=172.30.1.9,mac-address=02:42:00:00:00:99')])
  await ok(daemon, 'docker', ['stop', '-t', '0', 'owner'])
  await daemon.stop('SIGKILL')
  await daemon.start()
  const mac = await run(daemon, 'docker', ['run', '-d', ...on('mac-address=02:42:00:00:00:99')])
  assert.match(mac.stderr, /MAC address already in use: 02:42:00:00:00:99 of network fixed belongs to container owner/)
  const address = await run(daemon, 'docker', ['run', '-d', ...on('ip=172.30.1.9')])
  assert.match(address.stderr, /Address already in use: 172\.30\.1\.9 of network fixed belongs to container owner/)
  await ok(daemon, 'docker', ['start', 'owner'])
  const named = [
    '--network',
    'name=fixed,driver-opt=com.docker.network.endpoint.ifname=lan0',
    '--network',
    'name=net,gw-priority=5',
  ]
  await ok(daemon, 'docker', ['run', '-d', '--name', 'named', ...named, 'busybox', 'sleep', '1000'])
  const interfaces = async () =>
    (await inside(daemon, 'named', 'ip', '-o', '-4', 'addr')).stdout.match(/\b(?:eth\d+|lan0) +inet 172\.\d+/g)
  const before = await interfaces()
  assert.match(before!.join(), /eth0 +inet 172\.\d+,lan0 +inet 172\.30/)
  for (let i = 0; i < 5; i++) await ok(daemon, 'docker', ['restart', '-t', '0', 'named'])
  assert.deepEqual(await interfaces(), before)
})

test('left and joined again at once while the network changes: the way out is there each time', async () => {
  await daemon.client.networks.create({ Name: 'again' })
  await started(daemon, 'hopper', ['sleep', '1000'], { HostConfig: { NetworkMode: 'again' } })
  for (let turn = 0; turn < 8; turn++) {
    const changed = ok(daemon, 'berth', ['network', 'update', '--mtu', String(1400 + turn), 'again'])
    for (let hop = 0; hop < 5; hop++) {
      await daemon.client.networks.disconnect('again', 'hopper')
      await daemon.client.networks.connect('again', 'hopper')
    }
    await changed
    assert.match((await inside(daemon, 'hopper', 'ip', 'route')).stdout, /^default via /m, `turn ${turn}`)
  }
})
