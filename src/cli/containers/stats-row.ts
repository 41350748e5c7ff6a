import type { ContainerStats } from '#wire/index.ts'
import type { Listing, Row } from '../render/format.ts'
import { bytesSize, humanSize, shortId } from '../render/units.ts'

export const STATS_LISTING: Listing = {
  headings: {
    Container: 'CONTAINER',
    ID: 'CONTAINER ID',
    Name: 'NAME',
    CPUPerc: 'CPU %',
    MemUsage: 'MEM USAGE / LIMIT',
    MemPerc: 'MEM %',
    NetIO: 'NET I/O',
    BlockIO: 'BLOCK I/O',
    PIDs: 'PIDS',
  },
  columns: ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'],
}

/** Per cent of one CPU; 0 without an earlier sample. */
export function cpuPercent({ cpu_stats: now, precpu_stats: before }: ContainerStats): number {
  const used = now.cpu_usage.total_usage - (before?.cpu_usage?.total_usage ?? 0)
  const host = (now.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0)
  const cpus = now.online_cpus || now.cpu_usage.percpu_usage?.length || 1
  return used > 0 && host > 0 && before?.system_cpu_usage ? (used / host) * cpus * 100 : 0
}

/** Used memory without the page cache that can be dropped (v1: total_inactive_file, v2: inactive_file). */
export function memoryUsed({ usage = 0, stats = {} }: ContainerStats['memory_stats']): number {
  for (const key of ['total_inactive_file', 'inactive_file']) {
    const cache = stats[key]
    if (cache !== undefined && cache < usage) return usage - cache
  }
  return usage
}

export function statsRow(name: string, stats: ContainerStats | undefined, trunc: boolean): Row {
  if (!stats) {
    const none = '--'
    return {
      Container: name,
      ID: none,
      Name: none,
      CPUPerc: none,
      MemUsage: '-- / --',
      MemPerc: none,
      NetIO: none,
      BlockIO: none,
      PIDs: none,
    }
  }
  const used = memoryUsed(stats.memory_stats)
  const limit = stats.memory_stats.limit ?? 0
  const networks = Object.values(stats.networks ?? {})
  const sum = (key: 'rx_bytes' | 'tx_bytes') => networks.reduce((total, network) => total + network[key], 0)
  const block = { read: 0, write: 0 }
  for (const { op, value } of stats.blkio_stats?.io_service_bytes_recursive ?? []) {
    const way = op.toLowerCase()
    if (way === 'read' || way === 'write') block[way] += value
  }
  return {
    Container: name,
    ID: trunc ? shortId(stats.id) : stats.id,
    Name: stats.name.replace(/^\//, ''),
    CPUPerc: `${cpuPercent(stats).toFixed(2)}%`,
    MemUsage: `${bytesSize(used)} / ${bytesSize(limit)}`,
    MemPerc: `${(limit > 0 ? (used / limit) * 100 : 0).toFixed(2)}%`,
    NetIO: `${humanSize(sum('rx_bytes'), 3)} / ${humanSize(sum('tx_bytes'), 3)}`,
    BlockIO: `${humanSize(block.read, 3)} / ${humanSize(block.write, 3)}`,
    PIDs: String(stats.pids_stats?.current ?? 0),
  }
}
