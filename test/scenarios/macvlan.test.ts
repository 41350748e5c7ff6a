/** Containers on the host's own LAN: each is a machine there, with an address and a MAC of its own. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inside, started } from '../support/containers.ts'
import { TestDaemon, dockerClient } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'
import { until } from '../support/tools.ts'

const LAN = { Subnet: '10.213.0.0/24', IPRange: '10.213.0.128/26', Gateway: '10.213.0.1' }
let machines: Machines
let daemon: TestDaemon
let router: { address: string }

before(async () => {
  machines = new Machines()
  router = machines.add('router')
  daemon = new TestDaemon([], { netns: machines.path() })
  await daemon.start()
  await daemon.loadBusybox()
})
after(async () => {
  await daemon.dispose()
  const left = machines.on('host', ['ip', '-br', 'link']).stdout
  machines.remove()
  assert.doesNotMatch(left, /^(bs|dm|di)-/m)
})

const create = (Name: string, Options: Record<string, string>, Config: object[] = [LAN], more: object = {}) =>
  daemon.client.networks.create({ Name, Driver: 'macvlan', Options, IPAM: { Config }, ...more })
const on = (network: string) => ({ HostConfig: { NetworkMode: network } })
const httpd = ['httpd', '-f', '-v', '-p', '80', '-h', '/etc']
const endpointOf = async (name: string, network: string) =>
  (await daemon.client.containers.inspect(name)).NetworkSettings.Networks[network]!
const pings = async (from: string, to: string) => (await inside(daemon, from, 'ping', '-c1', '-W1', to)).code === 0
const machinePings = (machine: string, to: string) =>
  machines.on(machine, ['busybox', 'ping', '-c1', '-W1', to]).code === 0
const route = (machine: string, to: string) => machines.on(machine, ['ip', 'route', 'get', to]).stdout

test('two containers on the LAN: by name, from a foreign machine, its router their gateway', async () => {
  await create('lan', { parent: 'eth0' }, [{ ...LAN, Gateway: router.address }])
  await started(daemon, 'one', httpd, {
    HostConfig: { NetworkMode: 'lan', PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '18080' }] } },
    ExposedPorts: { '80/tcp': {} },
  })
  await started(daemon, 'two', undefined, {
    ...on('lan'),
    NetworkingConfig: {
      EndpointsConfig: { lan: { IPAMConfig: { IPv4Address: '10.213.0.77' }, MacAddress: '02:11:22:33:44:55' } },
    },
  })
  assert.ok(await pings('two', 'one'))
  const { IPAddress, Gateway } = await endpointOf('one', 'lan')
  assert.equal(IPAddress, '10.213.0.128')
  assert.equal(Gateway, router.address)
  assert.ok(machinePings('router', IPAddress))
  assert.equal(machines.on('router', ['curl', '-s', '-m', '2', `http://${IPAddress}/passwd`]).code, 0)
  assert.match(machines.on('router', ['ip', 'neigh', 'show', '10.213.0.77']).stdout, /^$/)
  assert.ok(machinePings('router', '10.213.0.77'))
  assert.match(machines.on('router', ['ip', 'neigh', 'show', '10.213.0.77']).stdout, /02:11:22:33:44:55/)
  assert.match((await inside(daemon, 'two', 'ip', 'route')).stdout, new RegExp(`^default via ${router.address} `, 'm'))
  // The host is not between: it publishes nothing there, and without host_access it reaches nobody.
  assert.deepEqual((await daemon.client.containers.inspect('one')).NetworkSettings.Ports['80/tcp'] ?? [], [])
  assert.ok(!machinePings('host', IPAddress))
})

test('disconnected and connected again while running', async () => {
  await daemon.client.networks.disconnect('lan', 'two')
  assert.doesNotMatch((await inside(daemon, 'two', 'ip', 'link')).stdout, /eth0/)
  await daemon.client.networks.connect('lan', 'two')
  assert.ok(await pings('two', 'one'))
  assert.match((await inside(daemon, 'two', 'ip', 'route')).stdout, new RegExp(`^default via ${router.address} `, 'm'))
})

test('host_access: host and container reach each other, also after kill -9 and a restart of the container', async () => {
  for (const name of ['one', 'two']) await daemon.client.containers.remove(name, { force: true })
  await daemon.client.networks.remove('lan')
  const LAN6 = { Subnet: 'fd00:213::/64', IPRange: 'fd00:213::1:0/112', Gateway: 'fd00:213::1' }
  await create('open', { parent: 'eth0', host_access: 'true' }, [LAN, LAN6], { EnableIPv6: true })
  await started(daemon, 'web', httpd, on('open'))
  const { IPAddress } = await endpointOf('web', 'open')
  const both = async (address: string) => {
    assert.ok(machinePings('host', address), machines.on('host', ['ip', 'route']).stdout)
    assert.ok(await pings('web', machines.address))
    assert.ok(machinePings('router', address))
    assert.ok(machinePings('host', router.address), 'the LAN stays where it is')
    const { GlobalIPv6Address } = await endpointOf('web', 'open')
    assert.ok(machinePings('host', GlobalIPv6Address), 'IPv6 to the container')
    assert.ok(await pings('web', machines.address6), 'IPv6 to the host')
  }
  await both(IPAddress)
  await daemon.stop('SIGKILL')
  machines.on('host', ['ip', 'route', 'add', '10.213.0.190/32', 'dev', route('host', IPAddress).split(' ')[2]!])
  await daemon.start()
  await both(IPAddress)
  assert.match(route('host', '10.213.0.190'), /dev eth0 /)
  await daemon.client.containers.restart('web', { timeout: 0 })
  await both((await endpointOf('web', 'open')).IPAddress)
  await daemon.client.containers.remove('web', { force: true })
  await until('the route is gone', async () => (/dev eth0 /.test(route('host', IPAddress)) ? true : undefined))
  await daemon.client.networks.remove('open')
})

test('private mode isolates; passthru takes one container', async () => {
  await create('apart', { parent: 'eth0', macvlan_mode: 'private' })
  await started(daemon, 'left', undefined, on('apart'))
  await started(daemon, 'right', undefined, on('apart'))
  const { IPAddress } = await endpointOf('right', 'apart')
  assert.ok(!(await pings('left', IPAddress)))
  assert.ok(machinePings('router', IPAddress))
  await assert.rejects(create('through', { parent: 'eth0', macvlan_mode: 'passthru' }), /cannot use mode passthru/)
  for (const name of ['left', 'right']) await daemon.client.containers.remove(name, { force: true })
  await daemon.client.networks.remove('apart')

  machines.on('host', ['ip', 'link', 'add', 'spare', 'type', 'veth', 'peer', 'name', 'spare-'])
  machines.on('host', ['ip', 'link', 'set', 'spare', 'up'])
  await create('through', { parent: 'spare', macvlan_mode: 'passthru' }, [{ Subnet: '10.214.0.0/24' }])
  await started(daemon, 'left', undefined, on('through'))
  await assert.rejects(started(daemon, 'right', undefined, on('through')), /takes one container only/)
  for (const name of ['left', 'right']) await daemon.client.containers.remove(name, { force: true })
  machines.on('host', ['ip', 'link', 'set', 'spare', 'down'])
  await assert.rejects(started(daemon, 'left', undefined, on('through')), /parent interface spare .* is down/)
  machines.on('host', ['ip', 'link', 'del', 'spare'])
  await assert.rejects(daemon.client.containers.start('left'), /parent interface spare was not found on the host/)
  await daemon.client.containers.remove('left', { force: true })
  await daemon.client.networks.remove('through')
})

test('both command lines make one, show it and remove it', async () => {
  for (const tool of dockerClient ? (['docker', 'berth'] as const) : (['berth'] as const)) {
    const flags = ['-d', 'macvlan', '--subnet', LAN.Subnet, '--gateway', LAN.Gateway, '-o', 'parent=eth0']
    const made = daemon[tool]('network', 'create', ...flags, 'typed')
    assert.equal(made.code, 0, made.stderr)
    const shown = daemon[tool](
      'network',
      'inspect',
      '-f',
      '{{.Driver}} {{.Options.parent}} {{json .IPAM.Config}}',
      'typed',
    )
    assert.equal(shown.stdout.trim(), `macvlan eth0 [{"Subnet":"${LAN.Subnet}","Gateway":"${LAN.Gateway}"}]`)
    const run = daemon[tool]('run', '--rm', '--network', 'typed', '--ip', '10.213.0.99', 'busybox', 'ip', '-4', 'addr')
    assert.match(run.stdout, /inet 10\.213\.0\.99\/24/, run.stderr)
    assert.equal(daemon[tool]('network', 'rm', 'typed').code, 0)
    const lost = daemon[tool]('network', 'create', '-d', 'macvlan', '-o', 'parent=eth9', 'typed')
    assert.equal(lost.code, 1)
    assert.match(lost.stderr, /parent interface eth9 was not found on the host/)
  }
})

test('without a parent there is a wire that leads nowhere; what the kernel lacks is named', async () => {
  await create('island', {}, [{ Subnet: '10.215.0.0/24' }, { Subnet: 'fd00:215::/64' }], { EnableIPv6: true })
  await started(daemon, 'aa', undefined, on('island'))
  await started(daemon, 'bb', undefined, on('island'))
  assert.ok(await pings('aa', 'bb'))
  assert.ok(await pings('aa', (await endpointOf('bb', 'island')).GlobalIPv6Address))
  assert.doesNotMatch((await inside(daemon, 'aa', 'ip', 'route')).stdout, /default/)
  const missing = async (request: Promise<unknown>, text: RegExp) => {
    const error = await request.then(
      () => undefined,
      (error: unknown) => error,
    )
    if (error !== undefined) assert.match(String(error), text)
  }
  const ipvlan = { Name: 'ip', Driver: 'ipvlan', Options: { parent: 'eth0' }, IPAM: { Config: [LAN] } }
  await missing(daemon.client.networks.create(ipvlan), /the kernel has no ipvlan: load or build CONFIG_IPVLAN/)
  await missing(create('tagged', { parent: 'eth0.50' }), /the kernel has no vlan: load or build CONFIG_VLAN_8021Q/)
})
