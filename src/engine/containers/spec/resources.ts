import type { Resources } from '#model/config.ts'
import type { OciResources } from '#model/oci.ts'

/** Limits in the OCI's terms, without devices. `device` says where a block device's path leads. */
export function ociResources(
  limits: Partial<Resources>,
  device: (path: string) => { major: number; minor: number } | undefined = () => undefined,
): OciResources {
  const resources: OciResources = {}
  const memory = memoryOf(limits)
  if (Object.keys(memory).length > 0) resources.memory = memory
  const cpu = cpuOf(limits)
  if (Object.keys(cpu).length > 0) resources.cpu = cpu
  if ((limits.PidsLimit ?? 0) !== 0 && limits.PidsLimit !== null) {
    resources.pids = { limit: Math.max(-1, limits.PidsLimit ?? -1) }
  }
  const blockIO = blockIoOf(limits, device)
  if (Object.keys(blockIO).length > 0) resources.blockIO = blockIO
  return resources
}

function memoryOf(limits: Partial<Resources>): NonNullable<OciResources['memory']> {
  const memory: NonNullable<OciResources['memory']> = {}
  const limit = limits.Memory ?? 0
  const swap = limits.MemorySwap ?? 0
  if (limit > 0) memory.limit = limit
  if (swap !== 0) memory.swap = swap
  else if (limit > 0) memory.swap = limit * 2
  if ((limits.MemoryReservation ?? 0) > 0) memory.reservation = limits.MemoryReservation
  const swappiness = limits.MemorySwappiness
  if (swappiness !== undefined && swappiness !== null && swappiness >= 0) memory.swappiness = swappiness
  if (limits.OomKillDisable) memory.disableOOMKiller = true
  return memory
}

function cpuOf(limits: Partial<Resources>): NonNullable<OciResources['cpu']> {
  const cpu: NonNullable<OciResources['cpu']> = {}
  if (limits.CpuShares) cpu.shares = limits.CpuShares
  if (limits.NanoCpus) {
    cpu.period = 100_000
    cpu.quota = Math.round(limits.NanoCpus / 10_000)
  }
  if (limits.CpuPeriod) cpu.period = limits.CpuPeriod
  if (limits.CpuQuota) cpu.quota = limits.CpuQuota
  if (limits.CpuRealtimePeriod) cpu.realtimePeriod = limits.CpuRealtimePeriod
  if (limits.CpuRealtimeRuntime) cpu.realtimeRuntime = limits.CpuRealtimeRuntime
  if (limits.CpusetCpus) cpu.cpus = limits.CpusetCpus
  if (limits.CpusetMems) cpu.mems = limits.CpusetMems
  return cpu
}

function blockIoOf(
  limits: Partial<Resources>,
  device: (path: string) => { major: number; minor: number } | undefined,
): NonNullable<OciResources['blockIO']> {
  const io: NonNullable<OciResources['blockIO']> = {}
  if (limits.BlkioWeight) io.weight = limits.BlkioWeight
  const rates = (list: { Path: string; Rate: number }[] | undefined) =>
    (list ?? []).flatMap(({ Path, Rate }) => {
      const numbers = device(Path)
      return numbers ? [{ ...numbers, rate: Rate }] : []
    })
  const weights = (limits.BlkioWeightDevice ?? []).flatMap(({ Path, Weight }) => {
    const numbers = device(Path)
    return numbers ? [{ ...numbers, weight: Weight }] : []
  })
  if (weights.length > 0) io.weightDevice = weights
  const all = {
    throttleReadBpsDevice: rates(limits.BlkioDeviceReadBps),
    throttleWriteBpsDevice: rates(limits.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: rates(limits.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: rates(limits.BlkioDeviceWriteIOps),
  }
  for (const [key, list] of Object.entries(all)) if (list.length > 0) io[key as keyof typeof all] = list
  return io
}
