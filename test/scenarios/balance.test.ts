import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { inside } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'
import { until } from '../support/tools.ts'
import { ComposeProject } from './compose-project.ts'

let machines: Machines
let daemon: TestDaemon
let project: ComposeProject
let outsider: { address: string }

/** Each replica says who it is and who asks; `/cgi-bin/slow` takes a second over it. */
const SERVE = [
  'mkdir -p /w/cgi-bin',
  "printf '#!/bin/sh\\necho; echo $$(hostname) $$REMOTE_ADDR\\n' > /w/cgi-bin/who",
  "printf '#!/bin/sh\\nsleep 1; echo; hostname\\n' > /w/cgi-bin/slow",
  'chmod +x /w/cgi-bin/*',
  'touch /ok',
  'exec httpd -f -p 80 -h /w',
].join('; ')

const FILE = `
services:
  web:
    image: busybox
    command: ${JSON.stringify(['sh', '-c', SERVE])}
    stop_signal: SIGKILL
    scale: 3
    ports: ["8080:80", "8053:8053/udp"]
    networks: { default: { aliases: [site] } }
    healthcheck: { test: test -f /ok, interval: 200ms, retries: 1, start_interval: 100ms, start_period: 5s }
  turns:
    image: busybox
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    scale: 2
    deploy: { endpoint_mode: dnsrr }
  client: { image: busybox, command: ["sleep", "1000"], stop_signal: SIGKILL }
networks:
  default: { enable_ipv6: true, ipam: { config: [{ subnet: 10.214.0.0/24 }, { subnet: "fd00:214::/64" }] } }
`

before(async () => {
  machines = new Machines()
  daemon = new TestDaemon([], { netns: machines.path() })
  await daemon.start()
  await daemon.loadBusybox()
  outsider = machines.add('client')
  project = new ComposeProject(daemon, { 'compose.yaml': FILE })
  await project.ok('up', '-d', '--wait')
})
after(async () => {
  await project[Symbol.asyncDispose]()
  await daemon.dispose()
  machines.remove()
})

/** Addresses that a name has for the client. */
async function addresses(name: string, type = 'a'): Promise<string[]> {
  const { stdout } = await inside(daemon, `${project.name}-client-1`, 'nslookup', `-type=${type}`, name)
  return [...stdout.matchAll(/^Address: (\S+)$/gm)].map(match => match[1]!).toSorted()
}

const netOf = async (service: string, number = 1) =>
  `/proc/${(await project.inspect(service, number)).State.Pid}/ns/net`
const hostname = async (number: number) => (await project.inspect('web', number)).Config.Hostname

/** Asks the same many times, each in a connection of its own. @returns how often each answer came */
async function ask(net: string, url: string, times = 45): Promise<Record<string, number>> {
  const line = `for i in $(seq ${times}); do curl -sg -m 5 '${url}' || echo failed; done`
  const child = spawn('nsenter', [`--net=${net}`, 'sh', '-c', line], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (data: Buffer) => (text += data.toString()))
  await once(child, 'close')
  const counts: Record<string, number> = {}
  for (const answer of text.trim().split('\n')) counts[answer] = (counts[answer] ?? 0) + 1
  return counts
}

const replicasOf = (answers: Record<string, number>) =>
  [...new Set(Object.keys(answers).map(answer => answer.split(' ')[0]!))].toSorted()
const askersOf = (answers: Record<string, number>) => [...new Set(Object.keys(answers).map(one => one.split(' ')[1]!))]

const whoAnswers = async (from: string, at: string) =>
  Object.fromEntries(replicasOf(await ask(from, `http://${at}/cgi-bin/who`, 20)).map(name => [name, true]))

let vip = ''

test('a scaled service has one address, which leads to all of its replicas and hides nobody', async () => {
  const own = await Promise.all([1, 2, 3].map(number => addresses(`${project.name}-web-${number}`)))
  const [address, ...more] = await addresses('web')
  vip = address!
  assert.deepEqual(more, [])
  assert.ok(!own.flat().includes(vip))
  assert.deepEqual(await addresses('site'), [vip])
  assert.deepEqual(await addresses('tasks.web'), own.flat().toSorted())
  const [vip6, ...more6] = await addresses('web', 'aaaa')
  assert.deepEqual(more6, [])
  const names = (await Promise.all([1, 2, 3].map(hostname))).toSorted()
  const { Services } = await daemon.client.networks.inspect(`${project.name}_default`, { verbose: true })
  const service = Services?.[`${project.name}_web`]
  assert.equal(service?.VIP, vip)
  assert.deepEqual(
    service.Tasks.map(task => task.Info['State']),
    ['serving', 'serving', 'serving'],
  )
  const [client] = await addresses('client')
  const [client6] = await addresses('client', 'aaaa')
  const net = await netOf('client')
  const answers = await ask(net, `http://${vip}/cgi-bin/who`)
  assert.deepEqual(replicasOf(answers), names)
  assert.deepEqual(askersOf(answers), [`[::ffff:${client}]`])
  const answers6 = await ask(net, `http://[${vip6}]/cgi-bin/who`)
  assert.deepEqual(replicasOf(answers6), names)
  assert.deepEqual(askersOf(answers6), [`[${client6}]`])
  // A replica asks its own service, and may be the one that answers.
  await inside(daemon, `${project.name}-web-1`, 'nslookup', 'web')
  assert.deepEqual(replicasOf(await ask(await netOf('web'), `http://${vip}/cgi-bin/who`)), names)
})

test('the published port is shared by the replicas, which see who asks', async () => {
  const names = (await Promise.all([1, 2, 3].map(hostname))).toSorted()
  const answers = await ask(machines.path('client'), `http://${machines.address}:8080/cgi-bin/who`)
  assert.deepEqual(replicasOf(answers), names)
  assert.deepEqual(askersOf(answers), [`[::ffff:${outsider.address}]`])
  const answers6 = await ask(machines.path('client'), `http://[${machines.address6}]:8080/cgi-bin/who`)
  assert.deepEqual(replicasOf(answers6), names)
})

test('with dnsrr the name has the address of each replica', async () => {
  const own = await Promise.all([1, 2].map(number => addresses(`${project.name}-turns-${number}`)))
  assert.deepEqual(await addresses('turns'), own.flat().toSorted())
})

test('a paused replica gets nothing', async () => {
  const name = `${project.name}-web-2`
  await daemon.client.containers.pause(name)
  assert.equal(replicasOf(await ask(await netOf('client'), `http://${vip}/cgi-bin/who`, 20)).length, 2)
  await daemon.client.containers.unpause(name)
  const again = await hostname(2)
  const net = await netOf('client')
  await until('it is back', async () => again in (await whoAnswers(net, vip)) || undefined)
})

test('an unhealthy replica gets nothing, a healthy one again', async () => {
  const container = `${project.name}-web-1`
  const sick = await hostname(1)
  const state = async (wanted: string) =>
    until(`web-1 ${wanted}`, async () => (await project.inspect('web')).State.Health?.Status === wanted || undefined)
  await inside(daemon, container, 'rm', '/ok')
  await state('unhealthy')
  const net = await netOf('client')
  for (const [from, at] of [
    [net, vip],
    [machines.path('client'), `${machines.address}:8080`],
  ] as const) {
    // The state is told before the packet filter has followed.
    await until('it is left out', async () => !(sick in (await whoAnswers(from, at))) || undefined)
    const names = Object.keys(await whoAnswers(from, at))
    assert.equal(names.length, 2)
    assert.ok(!names.includes(sick))
  }
  assert.equal((await addresses('tasks.web')).length, 2)
  await inside(daemon, container, 'touch', '/ok')
  await state('healthy')
  await until('it is back', async () => sick in (await whoAnswers(net, vip)) || undefined)
})

test('everything is as it was after kill -9 of the daemon', async () => {
  const names = (answers: Record<string, number>) => replicasOf(answers).length
  const net = await netOf('client')
  await daemon.stop('SIGKILL')
  assert.equal(names(await ask(net, `http://${vip}/cgi-bin/who`)), 3)
  await daemon.start()
  assert.deepEqual(await addresses('web'), [vip])
  assert.equal(names(await ask(net, `http://${vip}/cgi-bin/who`)), 3)
  assert.equal(names(await ask(machines.path('client'), `http://${machines.address}:8080/cgi-bin/who`)), 3)
})

test('a replica that is stopped finishes what it has; its flows go to the others; the address stays to the last', async () => {
  const net = await netOf('client')
  const [first] = await addresses(`${project.name}-web-3`)
  // One sends to the service's address, one from another machine to its published port.
  const senders = [
    [net, vip],
    [machines.path('client'), machines.address],
  ].map(([from, to]) => {
    const args = [`--net=${from}`, process.execPath, '-e', SENDER, to!]
    const child = spawn('nsenter', args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const heard: string[] = []
    child.stdout.on('data', (data: Buffer) => heard.push(...data.toString().trim().split('\n')))
    return { child, heard }
  })
  const echoes = await Promise.all(
    [1, 2, 3].map(async number => {
      const args = [`--net=${await netOf('web', number)}`, process.execPath, '-e', ECHO, String(number)]
      const child = spawn('nsenter', args, { stdio: ['pipe', 'pipe', 'inherit'] })
      await once(child.stdout, 'data')
      return child
    }),
  )
  try {
    const partners = await Promise.all(senders.map(({ heard }) => until('an echo', () => heard.at(-1))))
    // Long requests to every replica are under way when two of them are told to go.
    const slow = ask(net, `http://${vip}/cgi-bin/slow`, 1)
    const direct = ask(net, `http://${first}/cgi-bin/slow`, 1)
    const stays = [1, 2, 3].find(number => !partners.includes(String(number)))!
    const goes = [1, 2, 3].filter(number => number !== stays)
    await new Promise(resolve => setTimeout(resolve, 200))
    await Promise.all(goes.map(number => daemon.client.containers.stop(`${project.name}-web-${number}`)))
    assert.equal(Object.keys(await slow).includes('failed'), false)
    assert.equal(Object.keys(await direct).includes('failed'), false)
    for (const { heard } of senders) {
      heard.length = 0
      await until('the sender is answered by who is left', () => (heard.includes(String(stays)) ? true : undefined))
    }
    assert.deepEqual(await addresses('web'), [vip])
    assert.deepEqual(replicasOf(await ask(net, `http://${vip}/cgi-bin/who`, 10)), [await hostname(stays)])
    const outside = await ask(machines.path('client'), `http://${machines.address}:8080/cgi-bin/who`, 10)
    assert.deepEqual(replicasOf(outside), [await hostname(stays)])
  } finally {
    for (const child of [...senders.map(sender => sender.child), ...echoes]) child.kill('SIGKILL')
  }
})

test('scaled to one and up again in place', async () => {
  await project.ok('up', '-d', '--wait', '--scale', 'web=1', 'web')
  assert.deepEqual(await addresses('web'), [vip])
  assert.equal((await addresses('tasks.web')).length, 1)
  assert.deepEqual(await addresses(`${project.name}-web-3`), [])
  await project.ok('up', '-d', '--wait', '--scale', 'web=2', 'web')
  assert.equal(replicasOf(await ask(await netOf('client'), `http://${vip}/cgi-bin/who`)).length, 2)
})

const ECHO = `
const socket = require('node:dgram').createSocket('udp4')
socket.on('message', (_, from) => socket.send(process.argv[1], from.port, from.address))
socket.bind(8053, '0.0.0.0', () => console.log('ready'))`

/** One socket, one flow: a connected sender that never pauses for long. */
const SENDER = `
const socket = require('node:dgram').createSocket('udp4')
socket.on('error', () => {})
socket.on('message', answer => console.log(String(answer)))
socket.bind(0, () => setInterval(() => socket.send('x', 8053, process.argv[1]), 20))`
