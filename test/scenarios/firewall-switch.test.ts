/** `--firewall docker`: published ports go round a host firewall, as with Docker; `host` brings its rules back. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inside, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'
import { until } from '../support/tools.ts'

const flags = ['--firewall', 'docker']
let machines: Machines
let daemon: TestDaemon
let client: { address: string }

before(async () => {
  machines = new Machines()
  client = machines.add('client')
  daemon = new TestDaemon(flags, { netns: machines.path() })
  nft(`table inet hostfw {
    chain input { type filter hook input priority 0; policy drop; ct state established,related accept; iifname "lo" accept; }
    chain forward { type filter hook forward priority 0; policy drop; counter; }
  }`)
  await daemon.start()
  await daemon.loadBusybox()
  await daemon.client.networks.create({ Name: 'front' })
  await started(daemon, 'web', ['httpd', '-f', '-p', '80', '-h', '/etc'], {
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { NetworkMode: 'front', PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] } },
  })
})
after(async () => {
  await daemon.dispose()
  machines.remove()
})

function nft(script: string): void {
  const { code, stderr } = machines.on('host', ['nft', '-f', '-'], { input: script })
  assert.equal(code, 0, stderr)
}
const head = () => machines.on('host', ['nft', 'list', 'chain', 'inet', 'hostfw', 'forward']).stdout
const reached = (port = 8080) =>
  machines.on('client', ['curl', '-sf', '-m', '1', `http://${machines.address}:${port}/hostname`]).code === 0

test('published ports and egress go past a firewall that denies by default, other forwarding does not', async () => {
  assert.match(head(), /policy drop;\s+meta mark & 0x02000000 == 0x02000000 accept comment "berth:\w+"\s+counter/)
  assert.ok(reached())
  assert.equal((await inside(daemon, 'web', 'ping', '-c1', '-W2', client.address)).code, 0)
  const { NetworkSettings } = await daemon.client.containers.inspect('web')
  const address = NetworkSettings.Networks.front!.IPAddress
  assert.notEqual(machines.on('client', ['curl', '-sf', '-m', '1', `http://${address}/hostname`]).code, 0)
})

test('a reload of the firewall is followed', async () => {
  nft('flush chain inet hostfw forward\nadd rule inet hostfw forward counter')
  await until('the rule is back', async () => (reached() ? true : undefined))
  assert.match(head(), /comment "berth:\w+"\s+counter/)
})

test('with host the rule goes, and the firewall decides', async () => {
  await daemon.stop()
  flags[1] = 'host'
  await daemon.start()
  assert.doesNotMatch(head(), /berth/)
  assert.ok(!reached())
})
