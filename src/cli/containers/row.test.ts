import assert from 'node:assert/strict'
import test from 'node:test'
import type { ContainerStats, ContainerSummary, PortSummary } from '#wire/index.ts'
import { imageRows } from '../images/row.ts'
import { referenceFault } from '../images/check-reference.ts'
import { displayPorts } from './ports-text.ts'
import { containerRow } from './row.ts'
import { cpuPercent, memoryUsed } from './stats-row.ts'

test('ports', () => {
  const port = (
    PrivatePort: number,
    PublicPort?: number,
    IP?: string,
    Type: PortSummary['Type'] = 'tcp',
  ): PortSummary => ({
    PrivatePort,
    PublicPort,
    IP,
    Type,
  })
  assert.equal(displayPorts([]), '')
  assert.equal(displayPorts([port(80)]), '80/tcp')
  assert.equal(
    displayPorts([port(80, 8080, '0.0.0.0'), port(80, 8080, '::')]),
    '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp',
  )
  assert.equal(
    displayPorts([port(81, 81, '0.0.0.0'), port(80, 80, '0.0.0.0'), port(82)]),
    '0.0.0.0:80-81->80-81/tcp, 82/tcp',
  )
  assert.equal(displayPorts([port(53, 53, '::', 'udp')]), '[::]:53->53/udp')
})

test('a container row', () => {
  const container = {
    Id: 'a'.repeat(64),
    Names: ['/web', '/other/alias'],
    Image: 'sha256:' + 'b'.repeat(64),
    Command: 'nginx -g "daemon off;"',
    Created: 1_000,
    Ports: [],
    Labels: { k: 'v' },
    State: 'running',
    Status: 'Up 3 seconds',
    Mounts: [
      { Type: 'volume', Name: 'a-volume-with-a-long-name', Source: '/x', Driver: 'local' },
      { Type: 'tmpfs', Source: '' },
    ],
    NetworkSettings: { Networks: { b: {}, a: {} } },
    SizeRw: 2,
    SizeRootFs: 4_260_000,
  } as unknown as ContainerSummary
  const row = containerRow(container, { trunc: true, now: 1_005_000 })
  assert.equal(row['ID'], 'a'.repeat(12))
  assert.equal(row['Names'], 'web')
  assert.equal(row['Image'], 'b'.repeat(12))
  assert.equal(row['Command'], String.raw`"nginx -g \"daemon of…"`)
  assert.equal(row['RunningFor'], '5 seconds ago')
  assert.equal(row['Mounts'], 'a-volume-with-…')
  assert.equal(row['Networks'], 'a,b')
  assert.equal(row['Size'], '2B (virtual 4.26MB)')
  assert.equal((row['Label'] as (name: string) => string)('k'), 'v')
  assert.equal(containerRow(container, { trunc: false })['Names'], 'web,other/alias')
})

test('image rows: one a name, digests on demand', () => {
  const image = {
    Id: 'sha256:' + 'c'.repeat(64),
    ParentId: '',
    RepoTags: ['h:5000/a:1', 'b:latest'],
    RepoDigests: ['h:5000/a@sha256:11', 'd@sha256:22'],
    Created: 1000,
    Size: 2_060_000,
    SharedSize: -1,
    Labels: {},
    Containers: -1,
  }
  const short = (digests: boolean) =>
    imageRows(image, { trunc: true, digests }).map(row => `${row['Repository']} ${row['Tag']} ${row['Digest']}`)
  assert.deepEqual(short(false), ['h:5000/a 1 <none>', 'b latest <none>', 'd <none> <none>'])
  assert.deepEqual(short(true), ['h:5000/a 1 sha256:11', 'b latest <none>', 'd <none> sha256:22'])
  const nameless = imageRows({ ...image, RepoTags: [], RepoDigests: [] }, { trunc: true, digests: false })
  assert.deepEqual(
    nameless.map(row => row['Repository']),
    ['<none>'],
  )
})

test('references', () => {
  for (const good of ['a', 'a:1', 'h:5000/a/b:x.y', 'localhost/a', 'a@sha256:' + '0'.repeat(64), 'a__b/c-d']) {
    assert.equal(referenceFault(good), undefined, good)
  }
  assert.equal(referenceFault('IMG'), 'invalid reference format: repository name (library/IMG) must be lowercase')
  for (const bad of ['', ':x', 'a:', 'a b', 'a:b c', '-a', 'a//b', 'a@sha256:zz']) {
    assert.equal(referenceFault(bad), 'invalid reference format', bad)
  }
})

test('stats', () => {
  const cpu = (total: number, system: number) => ({
    cpu_usage: { total_usage: total },
    system_cpu_usage: system,
    online_cpus: 2,
  })
  const stats = { cpu_stats: cpu(150, 1100), precpu_stats: cpu(100, 1000) } as unknown as ContainerStats
  assert.equal(cpuPercent(stats), 100)
  assert.equal(cpuPercent({ ...stats, precpu_stats: { cpu_usage: { total_usage: 0 } } as never }), 0)
  assert.equal(memoryUsed({ usage: 100, stats: { total_inactive_file: 30, inactive_file: 10 } }), 70)
  assert.equal(memoryUsed({ usage: 100, stats: { inactive_file: 10 } }), 90)
  assert.equal(memoryUsed({}), 0)
})
