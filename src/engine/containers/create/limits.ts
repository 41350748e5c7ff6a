import { invalid } from '#lib/errors.ts'
import type { HostConfig, Resources } from '#model/config.ts'
import { checkCpus, checkCpuset } from './limits-cpu.ts'

const MB = 1024 * 1024
const MIN_MEMORY = 6 * MB

export interface HostLimits {
  cpus: number
  controllers: ReadonlySet<string>
}

/**
 * Checks limits before anything exists, in Docker's words; a limit that this host cannot enforce is dropped with a
 * warning. `limits` is not changed.
 */
export function checkLimits<T extends Partial<Resources>>(
  limits: T,
  host: HostLimits,
): { limits: T; warnings: string[] } {
  const warnings: string[] = []
  const checked = { ...limits }
  checkMemory(checked, host, warnings)
  checkCpus(checked, host, warnings)
  checkCpuset(checked, host, warnings)
  const weight = checked.BlkioWeight ?? 0
  if (weight !== 0 && (weight < 10 || weight > 1000)) throw invalid('range of blkio weight is from 10 to 1000')
  for (const device of checked.BlkioWeightDevice ?? []) {
    if (device.Weight < 10 || device.Weight > 1000) {
      throw invalid(`invalid weight for device ${device.Path}: range of blkio weight is from 10 to 1000`)
    }
  }
  if ((checked.PidsLimit ?? 0) > 0 && !host.controllers.has('pids')) {
    warnings.push(
      'Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.',
    )
    checked.PidsLimit = 0
  }
  for (const limit of checked.Ulimits ?? []) {
    if (!limit.Name) throw invalid('invalid ulimit: it has no name')
    if (limit.Hard !== -1 && (limit.Soft > limit.Hard || limit.Soft === -1)) {
      throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${limit.Soft} > ${limit.Hard}`)
    }
  }
  return { limits: checked, warnings }
}

function checkMemory(limits: Partial<Resources>, host: HostLimits, warnings: string[]): void {
  const memory = limits.Memory ?? 0
  const swap = limits.MemorySwap ?? 0
  if (memory < 0) throw invalid(`invalid memory limit ${memory}: it must not be negative`)
  if (memory !== 0 && memory < MIN_MEMORY) throw invalid('Minimum memory limit allowed is 6MB')
  if (memory > 0 && !host.controllers.has('memory')) {
    warnings.push(
      'Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
    )
    limits.Memory = 0
    limits.MemorySwap = 0
    limits.MemoryReservation = 0
    return
  }
  if (memory > 0 && swap > 0 && swap < memory) {
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage')
  }
  if (memory === 0 && swap > 0) {
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage')
  }
  const swappiness = limits.MemorySwappiness
  if (swappiness !== undefined && swappiness !== null && (swappiness < -1 || swappiness > 100)) {
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`)
  }
  const reservation = limits.MemoryReservation ?? 0
  if (reservation !== 0 && reservation < MIN_MEMORY) throw invalid('Minimum memory reservation allowed is 6MB')
  if (memory > 0 && reservation > 0 && memory < reservation) {
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage')
  }
  if (limits.OomKillDisable && memory === 0) {
    warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    )
  }
}

/** The rest of HostConfig that has a range. */
export function checkHostRanges(host: HostConfig): void {
  if (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000) {
    throw invalid(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`)
  }
  if (host.ShmSize < 0) throw invalid('SHM size can not be less than 0')
  checkRestartPolicy(host)
  if (host.AutoRemove && !['', 'no'].includes(host.RestartPolicy?.Name ?? '')) {
    throw invalid("can't create 'AutoRemove' container with restart policy")
  }
}

/** @throws invalid in Docker's words */
export function checkRestartPolicy(host: Pick<HostConfig, 'RestartPolicy'>): void {
  const { Name: name = '', MaximumRetryCount: retries = 0 } = host.RestartPolicy ?? {}
  if (!['', 'no', 'always', 'unless-stopped', 'on-failure'].includes(name)) {
    throw invalid(
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    )
  }
  if (retries < 0) throw invalid('invalid restart policy: maximum retry count cannot be negative')
  if (retries > 0 && name !== 'on-failure') {
    throw invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'")
  }
}
