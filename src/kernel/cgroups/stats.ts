import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import type { CgroupStats } from '#ports/cgroups.ts'

/** @param paths directories by controller, `''` for v2 */
export function readStats(paths: Record<string, string>, readAt: bigint): CgroupStats {
  return { readAt, ...(paths[''] === undefined ? statsV1(paths) : statsV2(paths[''])) }
}

/** How often the kernel killed a process of this cgroup (those below it included on v2) for memory. */
export function oomKills(paths: Record<string, string>): number {
  if (paths[''] !== undefined) return keyed(join(paths[''], 'memory.events')).oom_kill ?? 0
  return paths.memory === undefined ? 0 : (keyed(join(paths.memory, 'memory.oom_control')).oom_kill ?? 0)
}

function statsV1(paths: Record<string, string>): Omit<CgroupStats, 'readAt'> {
  const file = (controller: string, name: string) => join(paths[controller] ?? '/nowhere', name)
  const cpu = keyed(file('cpu', 'cpu.stat'))
  return {
    cpu: {
      totalUsage: number(file('cpuacct', 'cpuacct.usage')),
      userUsage: number(file('cpuacct', 'cpuacct.usage_user')),
      kernelUsage: number(file('cpuacct', 'cpuacct.usage_sys')),
      perCpu: text(file('cpuacct', 'cpuacct.usage_percpu')).split(/\s+/).filter(Boolean).map(Number),
      throttledPeriods: cpu.nr_throttled ?? 0,
      periods: cpu.nr_periods ?? 0,
      throttledTime: cpu.throttled_time ?? 0,
    },
    memory: {
      usage: number(file('memory', 'memory.usage_in_bytes')),
      maxUsage: number(file('memory', 'memory.max_usage_in_bytes')),
      limit: Math.min(number(file('memory', 'memory.limit_in_bytes')) || Infinity, totalmem()),
      stats: keyed(file('memory', 'memory.stat')),
      failcnt: number(file('memory', 'memory.failcnt')),
    },
    pids: { current: number(file('pids', 'pids.current')), limit: number(file('pids', 'pids.max')) },
    blkio: blkioV1(
      text(file('blkio', 'blkio.throttle.io_service_bytes_recursive')),
      text(file('blkio', 'blkio.throttle.io_serviced_recursive')),
    ),
  }
}

function statsV2(path: string): Omit<CgroupStats, 'readAt'> {
  const cpu = keyed(join(path, 'cpu.stat'))
  const nanos = (micros: number | undefined) => (micros ?? 0) * 1000
  return {
    cpu: {
      totalUsage: nanos(cpu.usage_usec),
      userUsage: nanos(cpu.user_usec),
      kernelUsage: nanos(cpu.system_usec),
      perCpu: null,
      throttledPeriods: cpu.nr_throttled ?? 0,
      periods: cpu.nr_periods ?? 0,
      throttledTime: nanos(cpu.throttled_usec),
    },
    memory: {
      usage: number(join(path, 'memory.current')),
      maxUsage: number(join(path, 'memory.peak')),
      limit: Math.min(number(join(path, 'memory.max')) || Infinity, totalmem()),
      stats: keyed(join(path, 'memory.stat')),
      failcnt: keyed(join(path, 'memory.events')).max ?? 0,
    },
    pids: { current: number(join(path, 'pids.current')), limit: number(join(path, 'pids.max')) },
    blkio: blkioV2(text(join(path, 'io.stat'))),
  }
}

/** Lines `254:0 Read 4096`; `Sync`, `Async`, `Discard` and `Total` repeat or are of no interest. */
export function blkioV1(bytes: string, operations: string): CgroupStats['blkio'] {
  const rows = new Map<string, CgroupStats['blkio'][number]>()
  const add = (line: string, field: 'bytes' | 'operations') => {
    const match = /^(\d+):(\d+) (Read|Write) (\d+)$/.exec(line)
    if (!match) return
    const [, major, minor, word, value] = match
    const op = word === 'Read' ? 'read' : 'write'
    const key = `${major}:${minor} ${op}`
    const row = rows.get(key) ?? { major: Number(major), minor: Number(minor), op, bytes: 0, operations: 0 }
    row[field] = Number(value)
    rows.set(key, row)
  }
  for (const line of bytes.split('\n')) add(line, 'bytes')
  for (const line of operations.split('\n')) add(line, 'operations')
  return [...rows.values()]
}

/** Lines `254:0 rbytes=1 wbytes=2 rios=3 wios=4 …`. */
export function blkioV2(io: string): CgroupStats['blkio'] {
  const rows: CgroupStats['blkio'] = []
  for (const line of io.split('\n')) {
    const device = /^(\d+):(\d+) /.exec(line)
    if (!device) continue
    const value = (key: string) => Number(new RegExp(` ${key}=(\\d+)`).exec(line)?.[1] ?? 0)
    const [major, minor] = [Number(device[1]), Number(device[2])]
    rows.push({ major, minor, op: 'read', bytes: value('rbytes'), operations: value('rios') })
    rows.push({ major, minor, op: 'write', bytes: value('wbytes'), operations: value('wios') })
  }
  return rows
}

/** A controller that the host lacks, or a cgroup that has gone, reads as empty. */
function text(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** `max` reads as 0. */
function number(path: string): number {
  const value = Number(text(path))
  return Number.isFinite(value) ? value : 0
}

function keyed(path: string): Record<string, number> {
  const values: Record<string, number> = {}
  for (const line of text(path).split('\n')) {
    const space = line.indexOf(' ')
    if (space > 0) values[line.slice(0, space)] = Number(line.slice(space + 1))
  }
  return values
}
