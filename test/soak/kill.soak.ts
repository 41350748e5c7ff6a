import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError } from '#lib/errors.ts'
import { TestDaemon } from '../support/daemon.ts'
import { leftovers, networkLeftovers } from '../support/leftovers.ts'

const ROUNDS = Number(process.env['KILLS'] ?? 200)
const CLIENTS = 20

const daemon = new TestDaemon()
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())

interface Known {
  id: string
  /** A removal was asked for, so it may be gone. */
  doomed: boolean
}
const known = new Map<string, Known>()
let serial = 0

/** One client's life until the daemon goes away: whatever it was told had happened must still be so afterwards. */
async function client(round: number, number: number, stop: AbortSignal): Promise<void> {
  const { containers, networks } = daemon.client
  while (!stop.aborted) {
    const name = `c${round}-${number}-${serial++}`
    const port = 20_000 + number
    const network = `n${number % 5}`
    const created = await containers.create(
      {
        Image: 'busybox',
        Cmd: ['sleep', '3600'],
        HostConfig: {
          NetworkMode: number % 2 === 0 ? network : 'bridge',
          StopTimeout: 0,
          ...(number % 4 === 0 ? { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: String(port) }] } } : {}),
        } as never,
      },
      { name },
    )
    const one: Known = { id: created.Id, doomed: false }
    known.set(name, one)
    daemon.seen.add(created.Id)
    await containers.start(one.id)
    if (number % 3 === 0) await networks.connect('n0', one.id).catch(ignoreRefusal)
    await containers.stop(one.id, { timeout: 0 })
    one.doomed = true
    await containers.remove(one.id, { force: true })
    known.delete(name)
  }
}

/** What the engine refuses is fine (two of these may collide); a cut connection ends the client. */
function ignoreRefusal(error: unknown): void {
  if (!(error instanceof BerthError) || error.kind === 'unavailable') throw error
}

test(`kill -9 at ${ROUNDS} random moments while ${CLIENTS} clients work`, async t => {
  const { containers, networks } = daemon.client
  for (let i = 0; i < 5; i++) await networks.create({ Name: `n${i}` })
  const live = await Promise.all(
    [1, 2, 3].map(async i => {
      const HostConfig = {
        NetworkMode: 'n1',
        PortBindings: { '80/tcp': [{ HostIp: '', HostPort: String(21_000 + i) }] },
      }
      const { Id } = await containers.create(
        { Image: 'busybox', Cmd: ['httpd', '-f', '-p', '80', '-h', '/etc'], HostConfig },
        { name: `live${i}` },
      )
      daemon.seen.add(Id)
      await containers.start(Id)
      return { id: Id, port: 21_000 + i, pid: (await containers.inspect(Id)).State.Pid }
    }),
  )
  const recoveries: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const stop = new AbortController()
    const clients = Array.from({ length: CLIENTS }, (_, i) => client(round, i, stop.signal).catch(() => {}))
    await sleep(20 + Math.random() * 600)
    await daemon.stop('SIGKILL')
    stop.abort()
    await Promise.all(clients)
    recoveries.push(await daemon.start())
    const there = new Map((await containers.list({ all: true })).map(one => [one.Id, one]))
    for (const [name, one] of known) {
      assert.ok(one.doomed || there.has(one.id), `round ${round}: ${name} (${one.id.slice(0, 12)}) was lost`)
    }
    for (const one of live) {
      assert.equal(there.get(one.id)?.State, 'running', `round ${round}: a live container stopped`)
      const response = await fetch(`http://127.0.0.1:${one.port}/passwd`)
      assert.equal(response.status, 200, `round ${round}: the published port of a live container is dead`)
      await response.text()
    }
    // Everything of the round goes; what then remains has no owner.
    const rest = [...there.keys()].filter(id => !live.some(one => one.id === id))
    await Promise.all(rest.map(id => containers.remove(id, { force: true }).catch(ignoreRefusal)))
    known.clear()
  }
  for (const one of live)
    assert.equal((await containers.inspect(one.id)).State.Pid, one.pid, 'a live container was restarted')
  const owned = new Set(live.map(one => one.id))
  assert.deepEqual(await settled(() => leftovers(daemon, owned)), [])
  assert.deepEqual(await settled(() => networkLeftovers(daemon, { endpoints: live.length, ports: live.length })), [])
  const seen = (await networkLeftovers(daemon)).map(line => line.split(' ')[0])
  assert.deepEqual([...new Set(seen)], ['interface', 'nft'], 'the check sees what is there')
  recoveries.sort((a, b) => a - b)
  t.diagnostic(
    `restart to answer: median ${recoveries[recoveries.length >> 1]!.toFixed(0)} ms, worst ${recoveries.at(-1)!.toFixed(0)} ms`,
  )
  await Promise.all(live.map(one => containers.remove(one.id, { force: true })))
  for (let i = 0; i < 5; i++) await networks.remove(`n${i}`)
  assert.deepEqual(await settled(() => leftovers(daemon)), [])
  assert.deepEqual(await settled(() => networkLeftovers(daemon)), [])
  await freeAgain()
})

/** Deletions are queued off the caller's path: they have five seconds. */
async function settled(look: () => string[] | Promise<string[]>): Promise<string[]> {
  for (let i = 0; i < 50 && (await look()).length > 0; i++) await sleep(100)
  return look()
}

/** Ports and static addresses that were used can be used again. */
async function freeAgain(): Promise<void> {
  const { containers, networks } = daemon.client
  await networks.create({ Name: 'again', IPAM: { Config: [{ Subnet: '10.213.7.0/29' }] } })
  const ids = await Promise.all(
    [2, 3, 4, 5, 6].map(async host => {
      const { Id } = await containers.create({
        Image: 'busybox',
        Cmd: ['sleep', '3600'],
        HostConfig: {
          NetworkMode: 'again',
          PortBindings: { '80/tcp': [{ HostIp: '', HostPort: String(20_000 + host) }] },
        },
        NetworkingConfig: { EndpointsConfig: { again: { IPAMConfig: { IPv4Address: `10.213.7.${host}` } } } },
      })
      await containers.start(Id)
      return Id
    }),
  )
  await Promise.all(ids.map(id => containers.remove(id, { force: true })))
  await networks.remove('again')
}
