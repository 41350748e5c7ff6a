import { invalid } from '#lib/errors.ts'
import type { Resources } from '#model/config.ts'
import type { HostLimits } from './limits.ts'

/** @throws invalid in Docker's words */
export function checkCpus(limits: Partial<Resources>, host: HostLimits, warnings: string[]): void {
  const nano = limits.NanoCpus ?? 0
  const period = limits.CpuPeriod ?? 0
  const quota = limits.CpuQuota ?? 0
  if (nano !== 0) {
    if (period > 0) throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set')
    if (quota > 0) throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set')
    if (nano < 0 || nano > host.cpus * 1e9) {
      throw invalid(`range of CPUs is from 0.01 to ${host.cpus}.00, as there are only ${host.cpus} CPUs available`)
    }
  }
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)')
  }
  if (quota > 0 && quota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)')
  if ((limits.CpuShares ?? 0) < 0) {
    throw invalid(`shares must be a positive number: ${limits.CpuShares}`)
  }
  if (nano + quota > 0 && !host.controllers.has('cpu')) {
    warnings.push('Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.')
    limits.NanoCpus = 0
    limits.CpuQuota = 0
    limits.CpuPeriod = 0
  }
}

/** @throws invalid for bad syntax or CPUs that are not there */
export function checkCpuset(limits: Partial<Resources>, host: HostLimits, warnings: string[]): void {
  const cpus = parseSet('cpuset cpus', limits.CpusetCpus ?? '')
  parseSet('cpuset mems', limits.CpusetMems ?? '')
  const missing = cpus.find(cpu => cpu >= host.cpus)
  if (missing !== undefined) {
    const available = host.cpus === 1 ? '0' : `0-${host.cpus - 1}`
    throw invalid(`Requested CPUs are not available - requested ${limits.CpusetCpus}, available: ${available}`)
  }
  if ((limits.CpusetCpus || limits.CpusetMems) && !host.controllers.has('cpuset')) {
    warnings.push('Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.')
    limits.CpusetCpus = ''
    limits.CpusetMems = ''
  }
}

/** `0-2,4` as the ends of its ranges. */
function parseSet(what: string, text: string): number[] {
  if (text === '') return []
  const ends: number[] = []
  for (const part of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part)
    const low = Number(match?.[1])
    const high = Number(match?.[2] ?? match?.[1])
    if (!match || low > high) throw invalid(`Invalid value ${text} for ${what}`)
    ends.push(low, high)
  }
  return ends
}
