/**
 * Throughput, latency, connections and DNS between containers, through a published port and through a VIP, and how long
 * networks take to make, on every engine that is installed. Prints medians, and ratios to the first engine. Not a test:
 * nothing fails here.
 *
 *   node bench/network.ts [--rounds 3] [--seconds 1] [--only berth,podman] [--ports 10000]
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { measure, serve, type Figures, type Measurement } from './load/run.ts'
import { COUNT_PORT, PORT } from './load/sockets.ts'
import type { Engine } from './peers/engine.ts'
import { docker, startEngines } from './peers/start.ts'
import { busyboxArchive } from './peers/image.ts'
import { Machines } from '../test/support/machines.ts'
import { markdown, median } from './statistics.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1' },
    only: { type: 'string' },
    ports: { type: 'string', default: '10000' },
    crowd: { type: 'string', default: '100' },
    replicas: { type: 'string', default: '1,10,100' },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)

/** A row of the table: what each engine measured. */
interface Row {
  unit: string
  /** More is better, or less. */
  better: 'more' | 'less'
  byEngine: Map<string, number[]>
}
const rows = new Map<string, Row>()

function record(name: string, unit: string, better: Row['better'], engine: Engine, value: number): void {
  const row = rows.get(name) ?? { unit, better, byEngine: new Map<string, number[]>() }
  row.byEngine.set(engine.name, [...(row.byEngine.get(engine.name) ?? []), value])
  rows.set(name, row)
}

function ask(engine: Engine, ...args: string[]): string {
  const { status, stdout, stderr } = docker(engine.socket, ...args)
  if (status !== 0) throw new Error(`${engine.name}: docker ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

const timed = (engine: Engine, ...args: string[]): number => {
  const began = performance.now()
  ask(engine, ...args)
  return performance.now() - began
}

const pidOf = (engine: Engine, name: string) => Number(ask(engine, 'inspect', '-f', '{{.State.Pid}}', name))
const addressOf = (engine: Engine, name: string) =>
  ask(engine, 'inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', name)

function recordFigures(path: string, kind: Measurement, engine: Engine, figures: Figures): void {
  if (kind === 'tcp-throughput') record(`TCP throughput, ${path}`, 'Gbit/s', 'more', engine, figures.gbits)
  else if (kind === 'udp-throughput') record(`UDP throughput, ${path}`, 'Gbit/s', 'more', engine, figures.gbits)
  else if (kind === 'connections') record(`connections a second, ${path}`, '/s', 'more', engine, figures.perSecond)
  else record(`${kind.slice(0, 3).toUpperCase()} round trip p99, ${path}`, 'us', 'less', engine, figures.p99)
}

const KINDS: Measurement[] = ['tcp-throughput', 'udp-throughput', 'tcp-latency', 'udp-latency', 'connections']

/** One path: where the client stands, and what it asks. */
interface Path {
  name: string
  engine: Engine
  from: string
  address: string
  port: number
}

function run(path: Path): void {
  for (const kind of KINDS) {
    try {
      recordFigures(path.name, kind, path.engine, measure(kind, path.from, path.address, path.port, seconds))
    } catch (error) {
      console.error(`${path.engine.name}, ${path.name}: ${(error as Error).message}`)
    }
  }
}

/** Container to container, and from outside through a published port. */
async function pair(engine: Engine, machines: Machines): Promise<void> {
  ask(engine, 'network', 'create', 'bench-net')
  const published = ['tcp', 'udp'].flatMap(protocol =>
    [PORT, COUNT_PORT].flatMap(port => ['-p', `${port + 10_000}:${port}/${protocol}`]),
  )
  ask(engine, 'run', '-d', '--name', 'bench-server', '--network', 'bench-net', ...published, 'bench', 'sleep', '86400')
  ask(engine, 'run', '-d', '--name', 'bench-client', '--network', 'bench-net', 'bench', 'sleep', '86400')
  const server = await serve([pidOf(engine, 'bench-server')])
  const from = `/proc/${pidOf(engine, 'bench-client')}/ns/net`
  run({ name: 'container to container', engine, from, address: addressOf(engine, 'bench-server'), port: PORT })
  run({ name: 'published port', engine, from: machines.path('client'), address: machines.address, port: PORT + 10_000 })
  dns(engine, from)
  server.kill()
  ask(engine, 'rm', '-f', '-v', 'bench-server', 'bench-client')
  ask(engine, 'network', 'rm', 'bench-net')
}

/** The server that a container asks, by its /etc/resolv.conf. */
const resolverOf = (engine: Engine, name: string) =>
  /^nameserver (\S+)/m.exec(ask(engine, 'exec', name, 'cat', '/etc/resolv.conf'))![1]!

function dns(engine: Engine, from: string): void {
  const figures = measure('dns', from, resolverOf(engine, 'bench-client'), 53, seconds, 'bench-server')
  record('DNS queries a second, one container', '/s', 'more', engine, figures.perSecond)
  record('DNS p99, one container', 'us', 'less', engine, figures.p99)
}

/** A hundred containers that all ask at once. */
function dnsOfMany(engine: Engine): void {
  ask(engine, 'network', 'create', 'bench-net')
  const names = Array.from({ length: 100 }, (_, i) => `bench-many-${i}`)
  for (const name of names)
    ask(engine, 'run', '-d', '--name', name, '--network', 'bench-net', 'bench', 'sleep', '86400')
  const pids = names.map(name => pidOf(engine, name))
  const server = resolverOf(engine, names[0]!)
  for (let i = 0; i < rounds; i++) {
    const from = `/proc/${pids[0]}/ns/net`
    const figures = measure('dns-many', from, server, 53, seconds, names[50], pids)
    record('DNS queries a second, 100 containers', '/s', 'more', engine, figures.perSecond)
    record('DNS p99, 100 containers', 'us', 'less', engine, figures.p99)
  }
  ask(engine, 'rm', '-f', ...names)
  // dockerd lets go of endpoints later than of their containers.
  for (let i = 0; docker(engine.socket, 'network', 'rm', 'bench-net').status !== 0 && i < 50; i++)
    spawnSync('sleep', ['0.2'])
}

/** Through the VIP of a service. Only Berth has one without a cluster. */
async function service(engine: Engine, replicas: number): Promise<void> {
  ask(engine, 'network', 'create', 'bench-net')
  const labels = ['project=bench', 'service=web'].flatMap(label => ['--label', `com.docker.compose.${label}`])
  const names = Array.from({ length: replicas }, (_, i) => `bench-web-${i + 1}`)
  for (const name of names) {
    const alias = ['--network-alias', 'web', '--label', 'berth.endpoint_mode=vip']
    ask(engine, 'run', '-d', '--name', name, '--network', 'bench-net', ...alias, ...labels, 'bench', 'sleep', '86400')
  }
  ask(engine, 'run', '-d', '--name', 'bench-client', '--network', 'bench-net', 'bench', 'sleep', '86400')
  const server = await serve(names.map(name => pidOf(engine, name)))
  const from = `/proc/${pidOf(engine, 'bench-client')}/ns/net`
  const answer = ask(engine, 'exec', 'bench-client', 'busybox', 'nslookup', 'web')
  const vip = /Name:\s+web\s+Address:\s+(\S+)/.exec(answer)?.[1]
  if (!vip) throw new Error(`no address for web:\n${answer}`)
  for (let i = 0; i < rounds; i++) {
    const name = `VIP, ${replicas} replica${replicas > 1 ? 's' : ''}`
    run({ name, engine, from, address: vip, port: PORT })
  }
  server.kill()
  ask(engine, 'rm', '-f', ...names, 'bench-client')
  ask(engine, 'network', 'rm', 'bench-net')
}

function networks(engine: Engine): void {
  record('network create', 'ms', 'less', engine, timed(engine, 'network', 'create', 'bench-made'))
  ask(engine, 'run', '-d', '--name', 'bench-connect', 'bench', 'sleep', '86400')
  record('network connect', 'ms', 'less', engine, timed(engine, 'network', 'connect', 'bench-made', 'bench-connect'))
  record(
    'network disconnect',
    'ms',
    'less',
    engine,
    timed(engine, 'network', 'disconnect', 'bench-made', 'bench-connect'),
  )
  record('network rm', 'ms', 'less', engine, timed(engine, 'network', 'rm', 'bench-made'))
  ask(engine, 'rm', '-f', 'bench-connect')
}

const residentMb = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** Thousands of published ports in one container. */
function manyPorts(engine: Engine, count: number): void {
  const range = `20000-${20_000 + count - 1}`
  ask(engine, 'run', '--rm', 'bench', 'true')
  const before = residentMb(engine.pid)
  const ms = timed(engine, 'run', '-d', '--name', 'bench-ports', '-p', `${range}:${range}`, 'bench', 'sleep', '86400')
  const memory = residentMb(engine.pid) - before
  console.log(`\n${engine.name}: ${count} published ports started in ${ms.toFixed(0)} ms, ${memory.toFixed(1)} MB more`)
  ask(engine, 'rm', '-f', 'bench-ports')
}

// Engines run on a machine of their own, so that none changes the host's packet filter under the others or the host.
const machines = new Machines()
const client = machines.add('client')
machines.on('host', ['ip', 'route', 'add', 'default', 'via', client.address])
const engines = await startEngines(values.only?.split(','), machines.path())
let archive: string | undefined
try {
  archive = await busyboxArchive()
  for (const engine of engines) ask(engine, 'load', '-i', archive)
  // Engines take turns, so that whatever else the machine does falls on all of them.
  for (let i = 0; i < rounds; i++) for (const engine of engines) await pair(engine, machines)
  for (let i = 0; i < rounds * 5; i++) for (const engine of engines) networks(engine)
  for (const engine of engines) if (Number(values.crowd) > 0) dnsOfMany(engine)
  const berth = engines.find(engine => engine.name === 'berth')
  if (berth) {
    for (const replicas of values.replicas.split(',').map(Number)) await service(berth, replicas)
    manyPorts(berth, Number(values.ports))
  }
} finally {
  for (const engine of engines) await engine.stop()
  machines.remove()
  if (archive) rmSync(archive)
}

const first = engines[0]!.name
const digits = (value: number) => (value < 10 ? value.toFixed(2) : value.toFixed(0))
const table = [...rows].map(([name, { unit, better, byEngine }]) => {
  const own = median(byEngine.get(first) ?? [])
  return [
    `${name}, ${unit}`,
    ...engines.map(engine => (byEngine.has(engine.name) ? digits(median(byEngine.get(engine.name)!)) : '')),
    ...engines.slice(1).map(engine => {
      const theirs = byEngine.get(engine.name)
      if (!theirs) return ''
      const ratio = better === 'more' ? own / median(theirs) : median(theirs) / own
      return `${ratio.toFixed(2)}x`
    }),
  ]
})
console.log(`\nmedians of ${rounds} rounds; ratios above 1 are in favour of ${first}\n`)
const names = engines.map(engine => `${engine.name} ${engine.version}`)
console.log(markdown(['', ...names, ...engines.slice(1).map(engine => `vs ${engine.name}`)], table))
