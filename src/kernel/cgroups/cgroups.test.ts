import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { KernelCgroups } from './cgroups.ts'
import { isFrozen, setFrozen } from './freezer.ts'
import { pathsBelow, readLayout } from './layout.ts'
import { blkioV1, blkioV2 } from './stats.ts'

const V1 = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
`

test('the layout follows the mounts: v1, hybrid, v2', () => {
  const v1 = readLayout(V1)
  assert.equal(v1.mode, 'v1')
  assert.deepEqual(pathsBelow(v1, '/berth/x'), {
    cpu: '/sys/fs/cgroup/cpu,cpuacct/berth/x',
    cpuacct: '/sys/fs/cgroup/cpu,cpuacct/berth/x',
    memory: '/sys/fs/cgroup/memory/berth/x',
    systemd: '/sys/fs/cgroup/systemd/berth/x',
  })
  const hybrid = readLayout(`${V1}41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`)
  assert.deepEqual([hybrid.mode, hybrid.unified], ['hybrid', '/sys/fs/cgroup/unified'])
  const v2 = readLayout('30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n')
  const own = '50 23 0:60 / /run/berth/cgroup-moves rw - cgroup none rw,favordynmods,name=berth\n'
  assert.deepEqual(readLayout(`30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n${own}`), v2)
  assert.deepEqual([v2.mode, pathsBelow(v2, '/berth/x')], ['v2', { '': '/sys/fs/cgroup/berth/x' }])
})

test('block counters of v1 and v2 become the same rows', () => {
  const bytes = '254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 1\n254:0 Total 12288\nTotal 12288\n'
  const operations = '254:0 Read 1\n254:0 Write 2\n'
  const rows = [
    { major: 254, minor: 0, op: 'read', bytes: 4096, operations: 1 },
    { major: 254, minor: 0, op: 'write', bytes: 8192, operations: 2 },
  ]
  assert.deepEqual(blkioV1(bytes, operations), rows)
  assert.deepEqual(blkioV2('254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n'), rows)
})

test('counters of v2 files', t => {
  const path = join(import.meta.dirname, `v2-${randomBytes(4).toString('hex')}`)
  mkdirSync(path)
  t.after(async () => (await import('node:fs/promises')).rm(path, { recursive: true }))
  const file = (name: string, text: string) => writeFileSync(join(path, name), text)
  file('cpu.stat', 'usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 9\nnr_throttled 8\nthrottled_usec 7\n')
  file('memory.current', '4096\n')
  file('memory.max', 'max\n')
  file('memory.stat', 'anon 1\ninactive_file 2\n')
  file('memory.events', 'low 0\nmax 6\noom 1\noom_kill 1\n')
  file('pids.current', '3\n')
  file('pids.max', 'max\n')
  const cgroups = new KernelCgroups(() => 42n)
  const stats = cgroups.stats({ '': path })
  assert.equal(stats.readAt, 42n)
  assert.deepEqual([stats.cpu.totalUsage, stats.cpu.throttledTime, stats.cpu.perCpu], [5000, 7000, null])
  assert.deepEqual([stats.memory.usage, stats.memory.maxUsage, stats.memory.failcnt], [4096, 0, 6])
  assert.ok(stats.memory.limit > 1024 ** 2, 'no limit is that of the machine')
  assert.deepEqual(stats.memory.stats, { anon: 1, inactive_file: 2 })
  assert.deepEqual(stats.pids, { current: 3, limit: 0 })
  assert.equal(cgroups.oomKilled({ '': path }), true)
})

test('real cgroups: freeze, list, remove with those below, strays', async (t: TestContext) => {
  const parent = `/berth-test-${randomBytes(4).toString('hex')}`
  const paths = pathsBelow(readLayout(), `${parent}/one`)
  for (const path of Object.values(paths)) mkdirSync(join(path, 'below'), { recursive: true })
  const child = spawn('sleep', ['1000'])
  t.after(() => child.kill('SIGKILL'))
  const freezer = paths[''] ?? paths.freezer!
  const main = paths[''] ?? paths.pids!
  for (const path of new Set([freezer, main])) writeFileSync(join(path, 'below/cgroup.procs'), String(child.pid))
  const cgroups = new KernelCgroups(() => 0n)
  assert.deepEqual(cgroups.pids(paths), [child.pid])
  await setFrozen(paths, true)
  assert.equal(isFrozen(paths), true)
  await setFrozen(paths, false)
  assert.equal(isFrozen(paths), false)
  assert.equal(cgroups.strays(parent, new Set(['one'])).length, 0)
  assert.deepEqual(cgroups.strays(parent, new Set()), [paths])
  const removing = cgroups.remove(paths)
  await setTimeout(10)
  child.kill('SIGKILL')
  await removing
  assert.ok(Object.values(paths).every(path => !existsSync(path)))
  await cgroups.remove(paths)
  cgroups.removeParent(parent)
  assert.ok(!existsSync(join(main, '..')))
})
