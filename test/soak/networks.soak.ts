/** 500 networks, 1,000 endpoints: made, resolved, removed; what a step costs must not grow with how many there are. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { inside, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { leftovers } from '../support/leftovers.ts'
import { until } from '../support/tools.ts'

const NETWORKS = 500
const CONTAINERS = 100
/** Of each container. */
const ENDPOINTS = 10

let daemon: TestDaemon

before(async () => {
  daemon = new TestDaemon()
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** Runs one step after the other. @returns milliseconds of each */
async function timed(count: number, step: (i: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const began = performance.now()
    await step(i)
    times.push(performance.now() - began)
  }
  return times
}

/** Medians of each fifth of the run, printed; the last must not be far from the first. */
function flat(what: string, times: readonly number[]): void {
  const size = Math.floor(times.length / 5)
  const fifths = Array.from({ length: 5 }, (_, i) => median(times.slice(i * size, (i + 1) * size)))
  console.log(`${what}: median ${median(times).toFixed(1)} ms, by fifths ${fifths.map(ms => ms.toFixed(1)).join(' ')}`)
  assert.ok(fifths[4]! < fifths[0]! * 2 + 2, `${what} grows: ${fifths.join(' ')}`)
}

test(`${NETWORKS} networks and ${CONTAINERS * ENDPOINTS} endpoints`, async () => {
  const { networks, containers } = daemon.client
  const bridges: string[] = []
  const create = async (i: number) => {
    const { Id } = await networks.create({ Name: `n${i}` })
    bridges.push(`/sys/class/net/br-${Id.slice(0, 12)}`)
  }
  flat('network create', await timed(NETWORKS, create))
  assert.ok(bridges.every(path => existsSync(path)))
  assert.equal((await networks.list()).length, NETWORKS + 3)

  const names = Array.from({ length: CONTAINERS }, (_, i) => `c${i}`)
  // Container i is on ten networks in a row, the last five of which are the first five of the next one.
  const networkOf = (i: number, k: number) => `n${((i * ENDPOINTS) / 2 + k) % NETWORKS}`
  const start = (i: number) => started(daemon, names[i]!, undefined, { HostConfig: { NetworkMode: networkOf(i, 0) } })
  flat('start', await timed(CONTAINERS, start))
  const wishes = names.flatMap((name, i) =>
    Array.from({ length: ENDPOINTS - 1 }, (_, k) => ({ name, network: networkOf(i, k + 1) })),
  )
  const connect = (j: number) => networks.connect(wishes[j]!.network, wishes[j]!.name)
  flat('network connect', await timed(wishes.length, connect))
  const resolved = await timed(CONTAINERS, async i => {
    const next = names[(i + 1) % CONTAINERS]!
    const { code, stdout } = await inside(daemon, names[i]!, 'nslookup', next)
    assert.equal(code, 0, stdout)
  })
  flat('exec nslookup', resolved)

  const disconnect = (j: number) => networks.disconnect(wishes[j]!.network, wishes[j]!.name)
  flat('network disconnect', await timed(wishes.length, disconnect))
  await Promise.all(names.map(name => containers.remove(name, { force: true })))
  flat('network rm', await timed(NETWORKS, i => networks.remove(`n${i}`)))
  assert.equal((await networks.list()).length, 3)
  await until('no bridge is left', async () => (bridges.some(path => existsSync(path)) ? undefined : true), 60_000)
  await until('nothing is left', async () => (leftovers(daemon).length === 0 ? true : undefined), 30_000)
})
