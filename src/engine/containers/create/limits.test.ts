import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HostConfig, Resources } from '#model/config.ts'
import { hostConfigOf } from '../testing/harness.ts'
import { checkHostRanges, checkLimits } from './limits.ts'
import { logLimits } from './log-config.ts'

const host = { cpus: 2, controllers: new Set(['cpu', 'memory', 'pids', 'cpuset', 'blkio']) }

const refused: [Partial<Resources>, RegExp][] = [
  [{ Memory: 1000 }, /Minimum memory limit allowed is 6MB/],
  [{ Memory: -1 }, /must not be negative/],
  [{ Memory: 8e6, MemorySwap: 7e6 }, /larger than memory limit/],
  [{ MemorySwap: 7e6 }, /always set the Memory limit/],
  [{ MemorySwappiness: 101 }, /valid memory swappiness range is 0-100/],
  [{ Memory: 8e6, MemoryReservation: 9e6 }, /less than memory reservation/],
  [{ NanoCpus: 3e9 }, /range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available/],
  [{ NanoCpus: 1e9, CpuQuota: 1000 }, /Nano CPUs and CPU Quota cannot both be set/],
  [{ NanoCpus: 1e9, CpuPeriod: 1000 }, /Nano CPUs and CPU Period cannot both be set/],
  [{ CpuPeriod: 10 }, /CPU cfs period/],
  [{ CpuQuota: 10 }, /CPU cfs quota/],
  [{ CpusetCpus: '0-' }, /Invalid value 0- for cpuset cpus/],
  [{ CpusetCpus: '1-0' }, /Invalid value/],
  [{ CpusetCpus: '2' }, /Requested CPUs are not available - requested 2, available: 0-1/],
  [{ BlkioWeight: 5 }, /from 10 to 1000/],
  [{ Ulimits: [{ Name: 'nofile', Soft: 20, Hard: 10 }] }, /soft limit must be less/],
]

test('limits outside their range are refused in Docker words', () => {
  for (const [limits, message] of refused) {
    assert.throws(() => checkLimits(limits, host), { kind: 'invalid', message }, JSON.stringify(limits))
  }
})

test('limits that the host cannot enforce are dropped with a warning', () => {
  const { limits, warnings } = checkLimits({ Memory: 8e6, PidsLimit: 5 }, { cpus: 2, controllers: new Set<string>() })
  assert.deepEqual([limits.Memory, limits.PidsLimit, warnings.length], [0, 0, 2])
})

test('ranges and combinations of the host configuration', () => {
  const cases: [Partial<HostConfig>, RegExp][] = [
    [{ OomScoreAdj: -1001 }, /range for oom score adj/],
    [{ ShmSize: -1 }, /SHM size/],
    [{ RestartPolicy: { Name: 'sometimes' as 'no', MaximumRetryCount: 0 } }, /unknown policy 'sometimes'/],
    [{ RestartPolicy: { Name: 'always', MaximumRetryCount: 2 } }, /can only be used with 'on-failure'/],
    [{ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -2 } }, /cannot be negative/],
    [{ AutoRemove: true, RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } }, /'AutoRemove'/],
  ]
  for (const [part, message] of cases) assert.throws(() => checkHostRanges(hostConfigOf(part)), { message })
})

test('log options: sizes, counts, drivers', () => {
  assert.deepEqual(logLimits({ Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } }), {
    maxBytes: 10 * 1024 * 1024,
    maxFiles: 3,
  })
  assert.equal(logLimits({ Type: 'none', Config: {} }), undefined)
  assert.equal(logLimits(undefined)?.maxFiles, 5)
  assert.throws(() => logLimits({ Type: 'syslog', Config: {} }), /no log driver named 'syslog'/)
  assert.throws(() => logLimits({ Type: '', Config: { 'max-size': 'big' } }), /max-size: big/)
  assert.throws(() => logLimits({ Type: '', Config: { nope: '1' } }), /unknown log opt 'nope'/)
})
