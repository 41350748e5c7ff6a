import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { TestDaemon } from '../test/support/daemon.ts'
import { median } from './statistics.ts'

/**
 * How long a daemon that was killed takes to answer again while its containers run on: 100 of them on a bridge network,
 * 20 with a published port. Wall-clock time from spawn, and the processor time of the daemon, which says more on a busy
 * machine.
 */
const { values: options } = parseArgs({
  options: {
    containers: { type: 'string', default: '100' },
    ports: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
})
const [CONTAINERS, PORTS, ROUNDS] = [Number(options.containers), Number(options.ports), Number(options.rounds)]
const FIRST_PORT = 23_000
const CLOCK_TICK_MS = 10

/** Milliseconds of processor time, user and system, that a process has used. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS
}

async function startContainers(daemon: TestDaemon): Promise<void> {
  const { containers, networks } = daemon.client
  await networks.create({ Name: 'restart' })
  for (let first = 0; first < CONTAINERS; first += 10) {
    const batch = Array.from({ length: Math.min(10, CONTAINERS - first) }, (_, i) => first + i)
    await Promise.all(
      batch.map(async number => {
        const PortBindings = { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: String(FIRST_PORT + number) }] }
        const { Id } = await containers.create(
          {
            Image: 'busybox',
            Cmd: ['sleep', '3600'],
            HostConfig: { NetworkMode: 'restart', ...(number < PORTS && { PortBindings }) },
          },
          { name: `restart-${number}` },
        )
        await containers.start(Id)
      }),
    )
  }
}

const daemon = new TestDaemon()
try {
  await daemon.start()
  await daemon.loadBusybox()
  await startContainers(daemon)
  const figures = { ping: [] as number[], list: [] as number[], cpuAtPing: [] as number[], cpuAtRest: [] as number[] }
  for (let round = 0; round < ROUNDS; round++) {
    await daemon.stop('SIGKILL')
    const began = performance.now()
    await daemon.start()
    figures.ping.push(performance.now() - began)
    figures.cpuAtPing.push(cpuOf(daemon.pid))
    const listed = await daemon.client.containers.list()
    figures.list.push(performance.now() - began)
    const ports = listed.flatMap(one => one.Ports).filter(port => port.PublicPort !== undefined)
    const running = listed.filter(one => one.State === 'running')
    if (running.length !== CONTAINERS || ports.length !== PORTS) {
      throw new Error(`after a restart ${running.length} containers run and ${ports.length} ports are published`)
    }
    await new Promise(resolve => setTimeout(resolve, 1000))
    figures.cpuAtRest.push(cpuOf(daemon.pid))
  }
  const row = Object.fromEntries(Object.entries(figures).map(([name, times]) => [name, Math.round(median(times))]))
  if (options.json)
    process.stdout.write(`${JSON.stringify({ ...row, worstPing: Math.round(Math.max(...figures.ping)) })}\n`)
  else {
    process.stdout.write(
      `${CONTAINERS} running containers, ${PORTS} published ports, ${ROUNDS} kills; medians in ms\n` +
        `  /_ping answers after           ${row['ping']} (worst ${Math.round(Math.max(...figures.ping))})\n` +
        `  /containers/json is right after ${row['list']}\n` +
        `  processor time until the answer ${row['cpuAtPing']}, a second later ${row['cpuAtRest']}\n`,
    )
  }
} finally {
  await daemon.dispose()
}
