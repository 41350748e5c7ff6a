import { invalid } from '#lib/errors.ts'
import type { Resources } from '#model/config.ts'
import type { ResourcesBody } from './container-schema.ts'

const MIN_MEMORY = 6 * 1024 * 1024
const DEVICE_PERMISSIONS = /^[rwm]{1,3}$/
const CGROUP_RULE = /^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/
const CPU_LIST = /^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$/
const ULIMITS = new Set(
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' '),
)

/** Only what the body has, converted: for `update`, where anything left out stays. */
export function someResources(body: ResourcesBody): Partial<Resources> {
  const all = allResources(body)
  const asked: Partial<Record<keyof Resources, unknown>> = {}
  for (const key of Object.keys(all) as (keyof Resources)[]) {
    const value = body[key]
    // Docker's clients send zero for what they do not change.
    if (value === undefined || value === null || value === 0 || value === '') continue
    if (Array.isArray(value) && value.length === 0) continue
    asked[key] = all[key]
  }
  const change = asked as Partial<Resources>
  checkResources({ ...allResources({}), ...change }, { update: true })
  return change
}

/** Everything, with defaults for what was left out; not yet checked. */
export function allResources(body: ResourcesBody): Resources {
  const rates = (list: ResourcesBody['BlkioDeviceReadBps']) =>
    (list ?? []).map(({ Path, Rate }) => ({ Path: Path ?? '', Rate: Rate ?? 0 }))
  return {
    CpuShares: body.CpuShares ?? 0,
    Memory: body.Memory ?? 0,
    NanoCpus: body.NanoCpus ?? 0,
    CgroupParent: body.CgroupParent ?? '',
    BlkioWeight: body.BlkioWeight ?? 0,
    BlkioWeightDevice: (body.BlkioWeightDevice ?? []).map(({ Path, Weight }) => ({
      Path: Path ?? '',
      Weight: Weight ?? 0,
    })),
    BlkioDeviceReadBps: rates(body.BlkioDeviceReadBps),
    BlkioDeviceWriteBps: rates(body.BlkioDeviceWriteBps),
    BlkioDeviceReadIOps: rates(body.BlkioDeviceReadIOps),
    BlkioDeviceWriteIOps: rates(body.BlkioDeviceWriteIOps),
    CpuPeriod: body.CpuPeriod ?? 0,
    CpuQuota: body.CpuQuota ?? 0,
    CpuRealtimePeriod: body.CpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: body.CpuRealtimeRuntime ?? 0,
    CpusetCpus: body.CpusetCpus ?? '',
    CpusetMems: body.CpusetMems ?? '',
    Devices: (body.Devices ?? []).map(device => ({
      PathOnHost: device.PathOnHost ?? '',
      PathInContainer: device.PathInContainer || (device.PathOnHost ?? ''),
      CgroupPermissions: device.CgroupPermissions || 'rwm',
    })),
    DeviceCgroupRules: body.DeviceCgroupRules ?? null,
    DeviceRequests: body.DeviceRequests ?? null,
    MemoryReservation: body.MemoryReservation ?? 0,
    MemorySwap: body.MemorySwap ?? 0,
    // -1 is how old clients say nothing.
    MemorySwappiness: body.MemorySwappiness === -1 ? null : (body.MemorySwappiness ?? null),
    OomKillDisable: body.OomKillDisable ?? null,
    PidsLimit: body.PidsLimit ?? null,
    Ulimits:
      body.Ulimits?.map(({ Name, Soft, Hard }) => ({ Name: Name ?? '', Soft: Soft ?? 0, Hard: Hard ?? 0 })) ?? [],
  }
}

/**
 * @param options with `update`, what is left out keeps a value that is not known here
 * @throws invalid in Docker's words where it has some
 */
export function checkResources(r: Resources, options: { update?: boolean } = {}): void {
  checkMemory(r, options.update ?? false)
  checkCpu(r)
  if (r.BlkioWeight !== 0 && (r.BlkioWeight < 10 || r.BlkioWeight > 1000)) {
    throw invalid('Range of blkio weight is from 10 to 1000')
  }
  for (const { Path, Weight } of r.BlkioWeightDevice) {
    if (Weight < 10 || Weight > 1000) throw invalid(`blkio weight of device ${Path} must be 10 to 1000, not ${Weight}`)
  }
  for (const key of [
    'BlkioDeviceReadBps',
    'BlkioDeviceWriteBps',
    'BlkioDeviceReadIOps',
    'BlkioDeviceWriteIOps',
  ] as const) {
    for (const { Path, Rate } of r[key]) {
      if (!Path.startsWith('/')) throw invalid(`${key}: the device's path ${JSON.stringify(Path)} must be absolute`)
      if (Rate < 0) throw invalid(`${key}: the rate of ${Path} must not be negative`)
    }
  }
  for (const device of r.Devices) {
    if (!device.PathOnHost.startsWith('/')) {
      throw invalid(`invalid device ${JSON.stringify(device.PathOnHost)}: the path must be absolute`)
    }
    if (!device.PathInContainer.startsWith('/')) {
      throw invalid(`${JSON.stringify(device.PathInContainer)} is not an absolute path`)
    }
    if (!DEVICE_PERMISSIONS.test(device.CgroupPermissions)) {
      throw invalid(
        `invalid permissions ${JSON.stringify(device.CgroupPermissions)} of device ${device.PathOnHost}: use r, w and m`,
      )
    }
  }
  for (const rule of r.DeviceCgroupRules ?? []) {
    if (!CGROUP_RULE.test(rule)) throw invalid(`invalid device cgroup rule format: '${rule}'`)
  }
  for (const { Name, Soft, Hard } of r.Ulimits ?? []) {
    if (!ULIMITS.has(Name)) throw invalid(`invalid ulimit type: ${Name}`)
    if (Hard !== -1 && (Soft === -1 || Soft > Hard)) {
      throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`)
    }
    if (Soft < -1 || Hard < -1) throw invalid(`ulimit ${Name} must be -1 (no limit) or more`)
  }
  if (r.PidsLimit !== null && r.PidsLimit < -1) throw invalid(`invalid pids limit ${r.PidsLimit}: use -1 for no limit`)
}

function checkMemory(r: Resources, update: boolean): void {
  if (r.Memory < 0) throw invalid(`invalid memory limit ${r.Memory}: must not be negative`)
  if (r.Memory !== 0 && r.Memory < MIN_MEMORY) throw invalid('Minimum memory limit allowed is 6MB')
  if (r.MemorySwap < -1) throw invalid(`invalid memory swap limit ${r.MemorySwap}: use -1 for unlimited swap`)
  if (r.MemorySwap > 0 && r.Memory === 0 && !update) {
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage')
  }
  if (r.MemorySwap > 0 && r.Memory > 0 && r.MemorySwap < r.Memory) {
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage')
  }
  if (r.MemoryReservation < 0) throw invalid('invalid memory reservation: must not be negative')
  if (r.MemoryReservation !== 0 && r.MemoryReservation < MIN_MEMORY) {
    throw invalid('Minimum memory reservation allowed is 6MB')
  }
  if (r.Memory > 0 && r.MemoryReservation > r.Memory) {
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage')
  }
  if (r.MemorySwappiness !== null && (r.MemorySwappiness < 0 || r.MemorySwappiness > 100)) {
    throw invalid(`Invalid value: ${r.MemorySwappiness}, valid memory swappiness range is 0-100`)
  }
}

function checkCpu(r: Resources): void {
  if (r.NanoCpus < 0) throw invalid(`invalid number of CPUs ${r.NanoCpus / 1e9}: must not be negative`)
  if (r.NanoCpus > 0 && r.CpuPeriod > 0)
    throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set')
  if (r.NanoCpus > 0 && r.CpuQuota > 0) throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set')
  if (r.NanoCpus > 0 && r.NanoCpus < 10_000_000) throw invalid('range of CPUs is from 0.01 up: give at least 0.01')
  if (r.CpuShares < 0) throw invalid(`shares must be 0 or more, not ${r.CpuShares}`)
  if (r.CpuPeriod !== 0 && (r.CpuPeriod < 1000 || r.CpuPeriod > 1_000_000)) {
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)')
  }
  if (r.CpuQuota > 0 && r.CpuQuota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)')
  if (r.CpuRealtimePeriod < 0 || r.CpuRealtimeRuntime < 0)
    throw invalid('realtime period and runtime must not be negative')
  for (const key of ['CpusetCpus', 'CpusetMems'] as const) {
    if (r[key] !== '' && !CPU_LIST.test(r[key]))
      throw invalid(`Invalid value ${r[key]} for ${key === 'CpusetCpus' ? 'cpuset cpus' : 'cpuset mems'}`)
  }
}
