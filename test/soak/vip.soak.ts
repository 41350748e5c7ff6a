import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inside, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'
import type { LoadReport } from '../support/steady-load.ts'

/** Replicas that come, and as many that go. */
const ROUNDS = Number(process.env['ROUNDS'] ?? 200)
/** Requests a second to the service's address, and as many to its published port. */
const RATE = Number(process.env['RATE'] ?? 500)
const LOAD = new URL('../support/steady-load.ts', import.meta.url).pathname

const SERVER = `
const server = require('node:net').createServer({ noDelay: true }, socket => {
  socket.on('error', () => {})
  socket.once('data', () => socket.end(process.env.HOSTNAME + '\\n'))
}).listen(80, '0.0.0.0')
process.on('SIGTERM', () => process.exit(0))`

let machines: Machines
let daemon: TestDaemon
before(async () => {
  machines = new Machines()
  daemon = new TestDaemon([], { netns: machines.path() })
  await daemon.start()
  await daemon.loadBusybox()
  await daemon.client.networks.create({ Name: 'shop' })
})
after(async () => {
  await daemon.dispose()
  machines.remove()
})

async function replica(number: number): Promise<string> {
  const name = `web-${number}`
  const Binds = ['/usr', '/lib', '/lib64'].map(path => `${path}:${path}:ro`)
  await started(daemon, name, ['/node', '--v8-pool-size=0', '-e', SERVER], {
    Hostname: name,
    Env: [`HOSTNAME=${name}`],
    ExposedPorts: { '80/tcp': {} },
    Labels: {
      'com.docker.compose.project': 'shop',
      'com.docker.compose.service': 'web',
      'com.docker.compose.container-number': String(number),
      'berth.endpoint_mode': 'vip',
    },
    HostConfig: {
      Binds: [...Binds, `${process.execPath}:/node:ro`],
      NetworkMode: 'shop',
      PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] },
    },
    NetworkingConfig: { EndpointsConfig: { shop: { Aliases: [name, 'web'] } } },
  })
  return name
}

/** @returns ends the load and gives its report */
function load(netns: string, address: string, port: number): () => Promise<LoadReport> {
  const args = [
    `--net=${netns}`,
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    LOAD,
    address,
    String(port),
    String(RATE),
  ]
  const child = spawn('nsenter', args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (data: Buffer) => (text += data.toString()))
  const closed = once(child, 'close')
  return async () => {
    child.stdin.end()
    await closed
    return JSON.parse(text) as LoadReport
  }
}

test(`${ROUNDS} replicas come and go under ${RATE} requests a second by address and by port, and none fails`, async t => {
  machines.add('client')
  const names: string[] = []
  let serial = 0
  while (names.length < 3) names.push(await replica(++serial))
  await started(daemon, 'client', ['sleep', '100000'], { HostConfig: { NetworkMode: 'shop' } })
  const lookup = await inside(daemon, 'client', 'nslookup', '-type=a', 'web')
  const [vip] = [...lookup.stdout.matchAll(/^Address: (\S+)$/gm)].map(match => match[1]!)
  const { State } = await daemon.client.containers.inspect('client')
  await sleep(1000)
  const byAddress = load(`/proc/${State.Pid}/ns/net`, vip!, 80)
  const byPort = load(machines.path('client'), machines.address, 8080)
  const gone = new Map<string, number>()
  const stops: number[] = []
  const began = performance.now()
  /** What happened when, for the account of a failure. */
  const events: [number, string][] = []
  const happened = (what: string) => events.push([Date.now(), what])
  for (let round = 0; round < ROUNDS; round++) {
    names.push(await replica(++serial))
    happened(`web-${serial} started`)
    // Between two and five of them, the oldest leaving.
    for (let leaving = [1, 0, 2][round % 3]!; leaving > 0; leaving--) {
      const name = names.shift()!
      const asked = performance.now()
      happened(`${name} told to stop`)
      await daemon.client.containers.stop(name)
      stops.push(performance.now() - asked)
      gone.set(name, Date.now())
      happened(`${name} stopped`)
      await daemon.client.containers.remove(name)
    }
    if (round === Math.floor(ROUNDS / 2)) {
      happened('daemon killed')
      await daemon.stop('SIGKILL')
      await daemon.start()
      happened('daemon back')
    }
  }
  const took = (performance.now() - began) / 1000
  const reports = await Promise.all([byAddress(), byPort()])
  stops.sort((a, b) => a - b)
  t.diagnostic(
    `${serial} came, ${gone.size} went in ${took.toFixed(0)} s, the daemon killed once; a stop took ${stops[stops.length >> 1]!.toFixed(0)} ms (median), ${stops.at(-1)!.toFixed(0)} ms at most`,
  )
  for (const [index, report] of reports.entries()) {
    const { sent, answered, failures, p50, p99, max, servers, failed } = report
    t.diagnostic(
      `${index === 0 ? 'by address' : 'by port'}: ${sent} sent (${(sent / took).toFixed(0)} a second), ${answered} answered by ${Object.keys(servers).length} replicas, failures ${JSON.stringify(failures)}; p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(0)} ms`,
    )
    for (const [asked, ms, reason] of failed.slice(0, 5)) {
      const around = events.filter(([at]) => at > asked - 300 && at < asked + 100)
      t.diagnostic(`${reason} after ${ms} ms; ${around.map(([at, what]) => `${at - asked} ms: ${what}`).join(', ')}`)
    }
  }
  for (const { sent, answered, failures, servers } of reports) {
    assert.deepEqual(failures, {})
    assert.equal(answered, sent)
    for (const [name, { last }] of Object.entries(servers)) {
      const ended = gone.get(name)
      assert.ok(ended === undefined || last <= ended, `${name} answered after its end`)
    }
    assert.ok(sent / took > RATE * 0.95)
  }
})
