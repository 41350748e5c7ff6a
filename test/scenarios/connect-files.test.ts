import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { clear, inside, SLEEP, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'

// /etc/hosts and /etc/resolv.conf of a container that joins and leaves networks while it runs.

const daemon = new TestDaemon()
const { containers, networks } = daemon.client
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())
afterEach(() => clear(daemon))

const text = async (name: string, path: string) => (await inside(daemon, name, 'cat', path)).stdout
const addressOf = async (name: string, network: string) =>
  (await containers.inspect(name)).NetworkSettings.Networks[network]!.IPAddress

test('a container of the default bridge that joins a network gets its address, resolver and names', async () => {
  await networks.create({ Name: 'later' })
  await started(daemon, 'peer', SLEEP, { HostConfig: { NetworkMode: 'later' } })
  await started(daemon, 'joiner', SLEEP, { Hostname: 'joiner' })
  const original = { hosts: await text('joiner', '/etc/hosts'), resolv: await text('joiner', '/etc/resolv.conf') }
  await networks.connect('later', 'joiner')
  const address = await addressOf('joiner', 'later')
  assert.equal(await text('joiner', '/etc/hosts'), `${original.hosts}${address}\tjoiner\n`)
  assert.match(await text('joiner', '/etc/resolv.conf'), /^nameserver 127\.0\.0\.11$/m)
  assert.equal((await inside(daemon, 'joiner', 'ping', '-c1', '-W2', 'peer')).code, 0)

  await daemon.stop('SIGKILL')
  await daemon.start()
  assert.equal((await inside(daemon, 'joiner', 'ping', '-c1', '-W2', 'peer')).code, 0)
  await networks.disconnect('later', 'joiner')
  assert.equal(await text('joiner', '/etc/hosts'), original.hosts)
  assert.equal(await text('joiner', '/etc/resolv.conf'), original.resolv)
})

test('what the container wrote itself stays', async () => {
  await networks.create({ Name: 'later' })
  await started(daemon, 'own', SLEEP, { Hostname: 'own' })
  const script = 'echo "192.0.2.7 mine" >> /etc/hosts; echo "nameserver 192.0.2.53" > /etc/resolv.conf'
  await inside(daemon, 'own', 'sh', '-c', script)
  const hosts = await text('own', '/etc/hosts')
  await networks.connect('later', 'own')
  assert.equal(await text('own', '/etc/hosts'), `${hosts}${await addressOf('own', 'later')}\town\n`)
  assert.equal(await text('own', '/etc/resolv.conf'), 'nameserver 192.0.2.53\n')
  await networks.disconnect('later', 'own')
  assert.equal(await text('own', '/etc/hosts'), hosts)
})

test('a stopped container that was connected has the files at its start', async () => {
  await networks.create({ Name: 'later' })
  await started(daemon, 'idle', SLEEP)
  await containers.stop('idle', { timeout: 0 })
  await networks.connect('later', 'idle')
  await containers.start('idle')
  assert.match(await text('idle', '/etc/resolv.conf'), /^nameserver 127\.0\.0\.11$/m)
  assert.ok((await text('idle', '/etc/hosts')).includes(await addressOf('idle', 'later')))
})
