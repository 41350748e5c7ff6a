import { isAlive } from '#model/container-state.ts'
import type { CgroupStats } from '#ports/cgroups.ts'
import type { Context } from './context.ts'
import type { StatsSample } from './service.ts'

const INTERVAL = 1000
/** Nanoseconds in a tick of /proc/stat (USER_HZ is 100 on every Linux). */
const TICK = 10_000_000

const NOTHING: CgroupStats = {
  readAt: 0n,
  cpu: { totalUsage: 0, userUsage: 0, kernelUsage: 0, perCpu: null, throttledPeriods: 0, periods: 0, throttledTime: 0 },
  memory: { usage: 0, maxUsage: 0, limit: 0, stats: {}, failcnt: 0 },
  pids: { current: 0, limit: 0 },
  blkio: [],
}

type Reading = Pick<StatsSample, 'cgroup' | 'systemCpu' | 'networks'> & { read: bigint }

/**
 * `GET /containers/{id}/stats`. A stream samples once a second and its first sample has no previous one; a single
 * sample that is not one-shot waits a second so that it can have one.
 */
export function stats(
  ctx: Context,
  reference: string,
  options: { stream: boolean; oneShot: boolean; signal: AbortSignal },
): AsyncIterable<StatsSample> {
  return samples(ctx, ctx.records.find(reference).id, options)
}

async function* samples(
  ctx: Context,
  id: string,
  options: { stream: boolean; oneShot: boolean; signal: AbortSignal },
): AsyncGenerator<StatsSample> {
  const onlineCpus = ctx.host.facts().cpus
  let before: Reading | undefined
  for (;;) {
    const record = ctx.records.get(id)
    if (!record) return
    const now = await read(ctx, id, isAlive(record.state))
    if (options.stream || options.oneShot || before || !isAlive(record.state)) {
      yield {
        ...now,
        previous: before?.cgroup,
        previousRead: before?.read ?? 0n,
        previousSystemCpu: before?.systemCpu ?? 0,
        onlineCpus,
      }
      if (!options.stream) return
    }
    before = now
    try {
      await ctx.clock.sleep(INTERVAL, options.signal)
    } catch {
      return
    }
  }
}

async function read(ctx: Context, id: string, alive: boolean): Promise<Reading> {
  const at = ctx.clock.nowNano()
  if (!alive) return { read: 0n, cgroup: NOTHING, systemCpu: 0, networks: {} }
  try {
    const [proc, networks] = await Promise.all([ctx.files.read('/proc/stat'), ctx.networks.stats(id)])
    return { read: at, cgroup: ctx.cgroups.stats(ctx.runtime.cgroupPaths(id)), systemCpu: systemCpu(proc), networks }
  } catch (error) {
    ctx.log.debug('reading statistics failed', { container: id, error })
    return { read: at, cgroup: NOTHING, systemCpu: 0, networks: {} }
  }
}

/** Nanoseconds of the first line of proc(5) stat: user to softirq and steal, as Docker adds them up. */
export function systemCpu(procStat: string): number {
  const line = procStat.slice(0, procStat.indexOf('\n'))
  const ticks = line.split(/\s+/).slice(1, 8).map(Number)
  return ticks.reduce((sum, value) => sum + value, 0) * TICK
}
