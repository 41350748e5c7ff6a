import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rollback } from '#lib/rollback.ts'
import type { PortBinding } from '#model/config.ts'
import { FakeHostPorts } from '#ports/testing/fake-resolver.ts'
import { HostPortTable } from './host-ports.ts'
import { parseWishes } from './wishes.ts'

const wish = (portBindings: Record<string, PortBinding[]>, publishAllPorts = false, exposedPorts: string[] = []) =>
  parseWishes({ portBindings, publishAllPorts, exposedPorts })
const bind = (HostPort: string, HostIp = '') => [{ HostIp, HostPort }]

const tableOf = () => {
  const ports = new FakeHostPorts()
  const table = new HostPortTable(ports)
  const acquire = (id: string, wishes: ReturnType<typeof wish>, rollback = new Rollback(() => {})) =>
    table.acquire(
      id,
      wishes,
      one => (one.hostIp === '' ? ['0.0.0.0', '::'] : [one.hostIp]),
      rollback,
      name => `name-${name}`,
    )
  return { ports, table, acquire }
}

test('bindings become wishes', () => {
  assert.deepEqual(wish({ '80/tcp': bind('8080'), '53/udp': bind('5353', '127.0.0.1') }), [
    { containerPort: 80, protocol: 'tcp', hostIp: '', low: 8080, high: 8080 },
    { containerPort: 53, protocol: 'udp', hostIp: '127.0.0.1', low: 5353, high: 5353 },
  ])
  assert.deepEqual(wish({ '80': bind('8000-8010') }), [
    { containerPort: 80, protocol: 'tcp', hostIp: '', low: 8000, high: 8010 },
  ])
  assert.deepEqual(
    wish({ '7000-7002/tcp': bind('9000-9002') }).map(one => [one.containerPort, one.low]),
    [
      [7000, 9000],
      [7001, 9001],
      [7002, 9002],
    ],
  )
  assert.deepEqual(wish({ '80/tcp': bind('') })[0], { containerPort: 80, protocol: 'tcp', hostIp: '', low: 0, high: 0 })
  assert.deepEqual(
    wish({ '80/tcp': bind('8080') }, true, ['80/tcp', '443/tcp']).map(one => [one.containerPort, one.low]),
    [
      [80, 8080],
      [443, 0],
    ],
  )
  assert.equal(wish({}, true, ['443/sctp'])[0]?.protocol, 'sctp')
  assert.equal(wish({ '80/tcp': bind('1', '[::1]') })[0]?.hostIp, '::1')
})

test('bad port requests are refused before anything', () => {
  const bad: Record<string, PortBinding[]>[] = [
    { '99999/tcp': bind('1') },
    { '0/tcp': bind('1') },
    { 'http/tcp': bind('1') },
    { '80/icmp': bind('1') },
    { '80/tcp/x': bind('1') },
    { '80/tcp': bind('70000') },
    { '80/tcp': bind('-1') },
    { '80/tcp': bind('10-5') },
    { '80/tcp': bind('80x') },
    { '80/tcp': bind('80', 'localhost') },
    { '80-82/tcp': bind('80-90') },
  ]
  for (const bindings of bad) assert.throws(() => wish(bindings), { kind: 'invalid' }, JSON.stringify(bindings))
})

test('a taken port is refused in Docker’s words, with its holder', () => {
  const { acquire, table } = tableOf()
  acquire('a', wish({ '80/tcp': bind('8080') }))
  assert.throws(
    () => acquire('b', wish({ '80/tcp': bind('8080', '127.0.0.1') })),
    /Bind for 127.0.0.1:8080 failed: port is already allocated \(by container name-a\)/,
  )
  acquire('c', wish({ '80/udp': bind('8080') }))
  table.release('a')
  acquire('d', wish({ '80/tcp': bind('8080', '127.0.0.1') }))
  acquire('e', wish({ '80/tcp': bind('8080', '127.0.0.2') }))
})

test('a port that another program listens on is refused, and nothing stays held', () => {
  const { acquire, ports, table } = tableOf()
  ports.occupy('tcp', '0.0.0.0', 8081)
  assert.throws(() => acquire('a', wish({ '80/tcp': bind('8080'), '81/tcp': bind('8081') })), /address already in use/)
  table.release('a')
  assert.deepEqual(ports.reserved, ['tcp 0.0.0.0 8081'])
})

test('a range takes the first free port, an empty host port an ephemeral one, the same for both families', () => {
  const { acquire, ports } = tableOf()
  ports.range = [40_000, 40_002]
  ports.occupy('tcp', '::', 8000)
  ports.occupy('tcp', '0.0.0.0', 40_000)
  assert.deepEqual(
    acquire('a', wish({ '80/tcp': bind('8000-8001') })).map(port => [port.hostIp, port.hostPort]),
    [
      ['0.0.0.0', 8001],
      ['::', 8001],
    ],
  )
  assert.throws(() => acquire('b', wish({ '80/tcp': bind('8000-8001') })), /failed/)
  const first = acquire('c', wish({ '80/tcp': bind('') }))
  assert.deepEqual(
    first.map(port => port.hostPort),
    [40_001, 40_001],
  )
  assert.equal(acquire('d', wish({ '80/tcp': bind('0') }))[0]?.hostPort, 40_002)
  assert.throws(() => acquire('e', wish({ '80/tcp': bind('') })), /all ports of the ephemeral range/)
})

test('ten thousand ports are held and given back in no time', () => {
  const { acquire, table, ports } = tableOf()
  ports.isFree = () => true
  const wishes = wish(
    Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`${i + 1}/udp`, bind(String(20_000 + i))])),
  )
  const started = performance.now()
  assert.equal(acquire('a', wishes).length, 20_000)
  table.release('a')
  assert.ok(performance.now() - started < 1000)
  assert.deepEqual(ports.reserved, [])
})

test('replicas of one group share a port for the same port of theirs, after all that is free', () => {
  const { table, ports } = tableOf()
  const take = (id: string, text: string, group?: string, inside = '80/tcp') =>
    table
      .acquire(
        id,
        wish({ [inside]: bind(text) }),
        () => ['0.0.0.0'],
        new Rollback(() => {}),
        name => name,
        group,
      )
      .map(port => port.hostPort)
  assert.deepEqual(take('a', '8080', 'g'), [8080])
  assert.deepEqual(take('b', '8080', 'g'), [8080])
  assert.throws(() => take('c', '8080', 'h'), /already allocated/)
  assert.throws(() => take('c', '8080'), /already allocated/)
  assert.throws(() => take('c', '8080', 'g', '81/tcp'), /already allocated/)
  assert.deepEqual(take('d', '8080-8081', 'g'), [8081])
  assert.deepEqual(take('e', '8080-8081', 'g'), [8080])
  assert.notDeepEqual(take('f', '', 'g'), take('g', '', 'g'))
  for (const id of ['a', 'e', 'd', 'f', 'g']) table.release(id)
  assert.deepEqual(ports.reserved, ['tcp 0.0.0.0 8080'])
  table.release('b')
  assert.deepEqual(ports.reserved, [])
})
