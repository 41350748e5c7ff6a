import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inside, SLEEP } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { leftovers } from '../support/leftovers.ts'
import { until } from '../support/tools.ts'
import { EngineClient } from '#client/index.ts'

const COUNT = 100
const CLIENTS = 20

const daemon = new TestDaemon()
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())

/** Each of `CLIENTS` clients, with connections of its own, does its share of `0 … COUNT - 1`, one after the other. */
async function byClients(work: (client: EngineClient, i: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = new EngineClient(`unix://${daemon.socket}`)
      try {
        while (next < COUNT) await work(client, next++)
      } finally {
        client.close()
      }
    }),
  )
}

const nameOf = (i: number) => `c${i}-of-hundred`

/** A script that fails on the first name that has not exactly one address, and prints it. */
const resolving = (names: string[]) =>
  `for n in ${names.join(' ')}; do [ "$(nslookup -type=a $n 127.0.0.11 | grep -c '^Address.* 10\\.212\\.')" = 1 ] || { echo $n; exit 1; }; done; echo all`

test(`${COUNT} containers by ${CLIENTS} clients at once: all run, all resolve each other, all go`, async t => {
  const { containers, networks } = daemon.client
  await networks.create({ Name: 'hundred', IPAM: { Config: [{ Subnet: '10.212.0.0/20' }] } })
  const began = performance.now()
  await byClients(async (client, i) => {
    const { Id } = await client.containers.create(
      { Image: 'busybox', Cmd: SLEEP, HostConfig: { NetworkMode: 'hundred' } },
      { name: nameOf(i) },
    )
    daemon.seen.add(Id)
    await client.containers.start(Id)
  })
  const startedAt = performance.now()
  const all = await containers.list({ filters: { network: ['hundred'] } })
  assert.equal(all.filter(one => one.State === 'running').length, COUNT)
  const addresses = new Set(all.map(one => one.NetworkSettings.Networks['hundred']!.IPAddress))
  assert.equal(addresses.size, COUNT)

  await byClients(async (_, i) => {
    const others = Array.from({ length: 20 }, (_, k) => nameOf((i + 1 + k * 4) % COUNT))
    assert.equal((await inside(daemon, nameOf(i), 'sh', '-c', resolving(others))).stdout, 'all\n')
  })
  const everyone = Array.from({ length: COUNT }, (_, i) => nameOf(i))
  assert.equal((await inside(daemon, nameOf(0), 'sh', '-c', resolving(everyone))).stdout, 'all\n')
  // Packets too, not names only.
  assert.equal((await inside(daemon, nameOf(0), 'ping', '-c', '1', '-W', '5', nameOf(99))).code, 0)
  const resolvedAt = performance.now()

  await byClients((client, i) => client.containers.remove(nameOf(i), { force: true }))
  await networks.remove('hundred')
  assert.deepEqual(await containers.list({ all: true }), [])
  await until('nothing left', () => (leftovers(daemon).length === 0 ? true : undefined))
  const ended = performance.now()
  t.diagnostic(
    `start ${seconds(startedAt - began)}, resolve ${seconds(resolvedAt - startedAt)}, remove ${seconds(ended - resolvedAt)}`,
  )
  assert.ok(ended - began < 60_000, `it took ${seconds(ended - began)}`)
})

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
