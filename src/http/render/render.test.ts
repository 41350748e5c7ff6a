import type { EndpointRecord, Exit } from '#model/container.ts'
import type { StatsSample } from '#engine/containers/index.ts'
import { adaptContainerInspect, adaptContainerSummary, adaptImageInspect, adaptImageSummary } from '#wire/versions.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { containerRecord, fakeNeeds, ID, imageRecord, networkRecord } from '../testing/fake-needs.ts'
import { containerInspect, containerSummary } from './container.ts'
import { humanDuration } from './duration.ts'
import { familiarName, imageHistory, imageInspect, imageSummary } from './image.ts'
import { networkInspect } from './network.ts'
import { stateJson, statusText } from './state.ts'
import { statsJson } from './stats.ts'
import { volumeJson } from './volume.ts'

const { host } = fakeNeeds()
const now = Date.parse('2026-01-02T03:04:09.5Z')
const last: Exit = { code: 137, finishedAt: '2026-01-02T03:02:05Z', oomKilled: true, error: '' }
const run = { pid: 42, pidStartTime: '1', startedAt: '2026-01-02T03:04:06Z' }

function endpoint(change: Partial<EndpointRecord> = {}): EndpointRecord {
  return {
    networkId: 'n'.repeat(64),
    networkName: 'backend',
    request: { Aliases: ['db'] },
    endpointId: 'e'.repeat(64),
    ipv4: '172.28.0.2',
    ipv4PrefixLength: 16,
    ipv4Gateway: '172.28.0.1',
    ipv6: '',
    ipv6PrefixLength: 0,
    ipv6Gateway: '',
    mac: '02:42:ac:1c:00:02',
    dnsNames: ['web', 'db', ID.slice(0, 12)],
    ...change,
  }
}

test('ages in Docker’s words', () => {
  const hour = 3600e3
  const cases: [number, string][] = [
    [500, 'Less than a second'],
    [1000, '1 second'],
    [59e3, '59 seconds'],
    [60e3, 'About a minute'],
    [59 * 60e3, '59 minutes'],
    [hour, 'About an hour'],
    [47 * hour, '47 hours'],
    [72 * hour, '3 days'],
    [15 * 24 * hour, '2 weeks'],
    [70 * 24 * hour, '2 months'],
    [800 * 24 * hour, '2 years'],
  ]
  for (const [ms, text] of cases) assert.equal(humanDuration(ms), text)
})

test('status lines', () => {
  const health = (Status: 'starting' | 'healthy' | 'none') => ({ Status, FailingStreak: 0, Log: [] })
  assert.equal(statusText({ kind: 'created' }, now), 'Created')
  assert.equal(statusText({ kind: 'running', run }, now), 'Up 3 seconds')
  assert.equal(statusText({ kind: 'running', run, health: health('healthy') }, now), 'Up 3 seconds (healthy)')
  assert.equal(statusText({ kind: 'running', run, health: health('starting') }, now), 'Up 3 seconds (health: starting)')
  assert.equal(statusText({ kind: 'running', run, health: health('none') }, now), 'Up 3 seconds')
  assert.equal(statusText({ kind: 'paused', run }, now), 'Up 3 seconds (Paused)')
  assert.equal(statusText({ kind: 'exited', last, startedAt: '' }, now), 'Exited (137) 2 minutes ago')
  assert.equal(
    statusText({ kind: 'restarting', last, startedAt: '', nextAt: 0 }, now),
    'Restarting (137) 2 minutes ago',
  )
  assert.equal(statusText({ kind: 'dead', error: 'x' }, now), 'Dead')
})

test('State has Docker’s words and flags only', () => {
  const zero = '0001-01-01T00:00:00Z'
  const created = stateJson({ kind: 'created', error: 'no such file', exitCode: 127 })
  assert.deepEqual(
    [created.Status, created.Running, created.ExitCode, created.Error, created.StartedAt, created.FinishedAt],
    ['created', false, 127, 'no such file', zero, zero],
  )
  const paused = stateJson({ kind: 'paused', run })
  assert.deepEqual([paused.Status, paused.Running, paused.Paused, paused.Pid], ['paused', true, true, 42])
  const restarting = stateJson({ kind: 'restarting', last, startedAt: run.startedAt, nextAt: 0 })
  assert.deepEqual([restarting.Running, restarting.Restarting, restarting.OOMKilled], [true, true, true])
  assert.equal(stateJson({ kind: 'starting', since: '', last }).Status, 'exited')
  assert.equal(stateJson({ kind: 'starting', since: '', last, again: true }).Status, 'restarting')
  assert.match(statusText({ kind: 'starting', since: '', last, again: true }, 0), /^Restarting/)
})

test('inspect: networks, legacy fields of the default bridge, ports', () => {
  const base = containerRecord()
  const record = containerRecord({
    endpoints: { bridge: endpoint({ networkName: 'bridge', request: {}, dnsNames: [] }), backend: endpoint() },
    config: { ...base.config, ExposedPorts: { '80/tcp': {}, '8000-8001/udp': {} } },
    publishedPorts: [
      { containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8080 },
      { containerPort: 80, protocol: 'tcp', hostIp: '::', hostPort: 8080 },
    ],
    sandboxPath: '/run/berth/netns/x',
  })
  const inspect = containerInspect({ record }, [], host)
  assert.equal(inspect.Name, '/web')
  assert.deepEqual([inspect.Path, inspect.Args], ['sleep', ['1 h']])
  const { NetworkSettings: net } = inspect
  assert.deepEqual([net.IPAddress, net.Gateway, net.IPPrefixLen], ['172.28.0.2', '172.28.0.1', 16])
  assert.deepEqual(net.Ports, {
    '80/tcp': [
      { HostIp: '0.0.0.0', HostPort: '8080' },
      { HostIp: '::', HostPort: '8080' },
    ],
    '8000/udp': null,
    '8001/udp': null,
  })
  assert.equal(net.Networks['bridge']?.DNSNames, null)
  assert.deepEqual(net.Networks['backend']?.Aliases, ['db'])
  assert.equal(inspect.ExecIDs, null)
  const summary = containerSummary({ record, sizeRw: 5 }, 'busybox', now)
  assert.equal(summary.Command, "sleep '1 h'")
  assert.equal(summary.SizeRw, 5)
  assert.deepEqual(summary.Ports.at(-1), { PrivatePort: 8001, Type: 'udp' })
  assert.deepEqual(summary.Ports[0], { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' })
})

test('a stopped container shows no ports, and its networks without addresses', () => {
  const base = containerRecord()
  const record = containerRecord({
    state: { kind: 'exited', last, startedAt: run.startedAt },
    config: { ...base.config, ExposedPorts: { '80/tcp': {} } },
    endpoints: {
      backend: endpoint({ ipv4: '', mac: '', endpointId: '', request: { MacAddress: '02:00:00:00:00:01' } }),
    },
  })
  const { NetworkSettings: net } = containerInspect({ record }, [], host)
  assert.deepEqual(net.Ports, {})
  assert.equal(net.Networks['backend']?.MacAddress, '02:00:00:00:00:01')
})

test('older versions: short id among the aliases to 1.44, MacAddress in Config to 1.43, VirtualSize', () => {
  const record = containerRecord({ endpoints: { backend: endpoint(), bridge: endpoint({ request: {} }) } })
  const at = (version: number) =>
    adaptContainerInspect(version, containerInspect({ record }, [], host)) as ReturnType<typeof containerInspect>
  assert.deepEqual(at(45).NetworkSettings.Networks['backend']?.Aliases, ['db'])
  assert.deepEqual(at(44).NetworkSettings.Networks['backend']?.Aliases, ['db', ID.slice(0, 12)])
  assert.equal(at(44).NetworkSettings.Networks['bridge']?.Aliases, null)
  assert.equal(at(44).Config.MacAddress, undefined)
  assert.equal(at(43).Config.MacAddress, '02:42:ac:1c:00:02')
  // The record itself is never touched.
  assert.deepEqual(record.endpoints['backend']?.request.Aliases, ['db'])
  const summary = adaptContainerSummary(24, containerSummary({ record }, 'busybox', now))
  assert.equal(summary.NetworkSettings.Networks['backend']?.Aliases?.length, 2)

  const image = { image: imageRecord({ tags: [] }), size: 5, sharedSize: -1, containers: -1 }
  assert.deepEqual(adaptImageSummary(42, imageSummary(image)).RepoTags, ['<none>:<none>'])
  assert.equal(adaptImageSummary(43, imageSummary(image)).VirtualSize, 5)
  assert.equal('VirtualSize' in adaptImageSummary(44, imageSummary(image)), false)
  const old = adaptImageInspect(43, imageInspect(imageRecord(), host)) as Record<string, object>
  assert.deepEqual([old['VirtualSize'], 'Hostname' in old['Config']!, 'Container' in old], [4096, true, true])
})

test('images: familiar names, history with the sizes of its layers', () => {
  assert.equal(familiarName('docker.io/library/busybox:1'), 'busybox:1')
  assert.equal(familiarName('docker.io/a/b:1'), 'a/b:1')
  assert.equal(familiarName('localhost:5000/a:1'), 'localhost:5000/a:1')
  const history = imageHistory(imageRecord())
  assert.deepEqual(
    history.map(entry => [entry.CreatedBy, entry.Size, entry.Id.slice(0, 9), entry.Tags]),
    [
      ['CMD sh', 0, 'sha256:01', ['busybox:latest']],
      ['ADD / /', 4096, '<missing>', null],
    ],
  )
  assert.equal(imageHistory(imageRecord({ history: [] }))[0]?.Size, 4096)
})

test('networks fill Containers; anonymous volumes carry the label that clients look for', () => {
  const attached = [{ containerId: ID, containerName: 'web', endpoint: endpoint() }]
  const network = networkInspect(networkRecord(), attached)
  assert.deepEqual(network.Containers[ID], {
    Name: 'web',
    EndpointID: 'e'.repeat(64),
    MacAddress: '02:42:ac:1c:00:02',
    IPv4Address: '172.28.0.2/16',
    IPv6Address: '',
  })
  assert.deepEqual(networkInspect(networkRecord()).Containers, {})
  const volume = { name: 'v', driver: 'local', createdAt: '', labels: {}, options: {}, mountpoint: '/m' }
  assert.deepEqual(volumeJson({ ...volume, anonymous: true }).Labels, { 'com.docker.volume.anonymous': '' })
  assert.deepEqual(volumeJson({ ...volume, anonymous: false }).Labels, {})
})

test('stats of both cgroup versions give docker stats what it divides', () => {
  const cpu = {
    totalUsage: 9,
    userUsage: 5,
    kernelUsage: 4,
    perCpu: [9],
    throttledPeriods: 1,
    periods: 2,
    throttledTime: 3,
  }
  const cgroup = {
    readAt: 1n,
    cpu,
    memory: { usage: 100, maxUsage: 200, limit: 1000, stats: { inactive_file: 10 }, failcnt: 7 },
    pids: { current: 3, limit: 0 },
    blkio: [{ major: 8, minor: 0, op: 'read' as const, bytes: 512, operations: 1 }],
  }
  const link = {
    rxBytes: 1,
    rxPackets: 2,
    rxErrors: 3,
    rxDropped: 4,
    txBytes: 5,
    txPackets: 6,
    txErrors: 7,
    txDropped: 8,
  }
  const sample: StatsSample = {
    read: 1_767_323_045_000_000_001n,
    previousRead: 0n,
    cgroup,
    previous: undefined,
    systemCpu: 1000,
    previousSystemCpu: 0,
    onlineCpus: 2,
    networks: { eth0: link },
  }
  const v2 = statsJson({ id: ID, name: 'web' }, sample, '2')
  assert.equal(v2.read, '2026-01-02T03:04:05.000000001Z')
  assert.equal(v2.preread, '0001-01-01T00:00:00Z')
  assert.deepEqual(v2.memory_stats, { usage: 100, stats: { inactive_file: 10 }, limit: 1000 })
  assert.deepEqual(v2.blkio_stats.io_service_bytes_recursive, [{ major: 8, minor: 0, op: 'read', value: 512 }])
  assert.equal(v2.blkio_stats.io_serviced_recursive, null)
  assert.equal(v2.networks?.['eth0']?.tx_bytes, 5)
  assert.equal(v2.precpu_stats.system_cpu_usage, undefined)
  const v1 = statsJson({ id: ID, name: 'web' }, { ...sample, previous: cgroup, previousSystemCpu: 500 }, '1')
  assert.equal(v1.memory_stats.failcnt, 7)
  assert.equal(v1.blkio_stats.io_service_bytes_recursive?.[0]?.op, 'Read')
  assert.equal(v1.precpu_stats.system_cpu_usage, 500)
  assert.deepEqual(v1.pids_stats, { current: 3 })
})
