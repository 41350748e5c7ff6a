import type { StatsSample } from '#engine/containers/index.ts'
import { rfc3339Nano, ZERO_TIME } from '#lib/clock.ts'
import type { BlkioEntry, ContainerStats, CpuStatsJson, NetworkStatsJson } from '#wire/index.ts'

type Cgroup = StatsSample['cgroup']

/** One line of `GET /containers/{id}/stats`. */
export function statsJson(
  container: { id: string; name: string },
  sample: StatsSample,
  cgroupVersion: '1' | '2',
): ContainerStats {
  const { cgroup, previous } = sample
  const networks: Record<string, NetworkStatsJson> = {}
  for (const name in sample.networks) networks[name] = networkJson(sample.networks[name]!)
  const json: ContainerStats = {
    name: `/${container.name}`,
    id: container.id,
    read: rfc3339Nano(sample.read),
    preread: previous ? rfc3339Nano(sample.previousRead) : ZERO_TIME,
    pids_stats: pids(cgroup),
    blkio_stats: blkio(cgroup, cgroupVersion),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpu(cgroup, sample.systemCpu, sample.onlineCpus),
    precpu_stats: previous ? cpu(previous, sample.previousSystemCpu, sample.onlineCpus) : noCpu(),
    memory_stats: memory(cgroup, cgroupVersion),
  }
  if (Object.keys(networks).length > 0) json.networks = networks
  return json
}

/** What Docker shows of a container that does not run: the shape with nothing in it. */
export function emptyStats(container: { id: string; name: string }): ContainerStats {
  return {
    name: `/${container.name}`,
    id: container.id,
    read: ZERO_TIME,
    preread: ZERO_TIME,
    pids_stats: {},
    blkio_stats: blkioOf(null, null),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: noCpu(),
    precpu_stats: noCpu(),
    memory_stats: {},
  }
}

function cpu(cgroup: Cgroup, systemCpu: number, onlineCpus: number): CpuStatsJson {
  const { totalUsage, kernelUsage, userUsage, perCpu, periods, throttledPeriods, throttledTime } = cgroup.cpu
  return {
    cpu_usage: {
      total_usage: totalUsage,
      ...(perCpu && { percpu_usage: perCpu }),
      usage_in_kernelmode: kernelUsage,
      usage_in_usermode: userUsage,
    },
    system_cpu_usage: systemCpu,
    online_cpus: onlineCpus,
    throttling_data: { periods, throttled_periods: throttledPeriods, throttled_time: throttledTime },
  }
}

function noCpu(): CpuStatsJson {
  return {
    cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  }
}

function pids({ pids: { current, limit } }: Cgroup): ContainerStats['pids_stats'] {
  return limit > 0 && Number.isSafeInteger(limit) ? { current, limit } : { current }
}

function memory({ memory }: Cgroup, version: '1' | '2'): ContainerStats['memory_stats'] {
  const { usage, maxUsage, limit, stats, failcnt } = memory
  return version === '1' ? { usage, max_usage: maxUsage, stats, failcnt, limit } : { usage, stats, limit }
}

function blkio({ blkio }: Cgroup, version: '1' | '2'): ContainerStats['blkio_stats'] {
  const word = (op: 'read' | 'write') => (version === '1' ? (op === 'read' ? 'Read' : 'Write') : op)
  const entries = (value: (entry: Cgroup['blkio'][number]) => number): BlkioEntry[] =>
    blkio.map(entry => ({ major: entry.major, minor: entry.minor, op: word(entry.op), value: value(entry) }))
  // Version 2 never shows operations in Docker either; there they are null.
  return blkioOf(
    entries(entry => entry.bytes),
    version === '1' ? entries(entry => entry.operations) : null,
  )
}

function blkioOf(bytes: BlkioEntry[] | null, serviced: BlkioEntry[] | null): ContainerStats['blkio_stats'] {
  const none = serviced === null ? null : []
  return {
    io_service_bytes_recursive: bytes,
    io_serviced_recursive: serviced,
    io_queue_recursive: none,
    io_service_time_recursive: none,
    io_wait_time_recursive: none,
    io_merged_recursive: none,
    io_time_recursive: none,
    sectors_recursive: none,
  }
}

function networkJson(link: StatsSample['networks'][string]): NetworkStatsJson {
  return {
    rx_bytes: link.rxBytes,
    rx_packets: link.rxPackets,
    rx_errors: link.rxErrors,
    rx_dropped: link.rxDropped,
    tx_bytes: link.txBytes,
    tx_packets: link.txPackets,
    tx_errors: link.txErrors,
    tx_dropped: link.txDropped,
  }
}
