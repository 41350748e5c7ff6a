import type { Cgroups, CgroupStats } from '../cgroups.ts'

/** Cgroups in memory; `''` (v2) paths name them. */
export class FakeCgroups implements Cgroups {
  readonly mode = 'v2'
  readonly controllers: ReadonlySet<string> = new Set(['cpu', 'memory', 'pids', 'io', 'cpuset', 'devices', 'freezer'])
  /** By path: what the next `stats` returns, over zeros. */
  readonly counters = new Map<string, Partial<CgroupStats>>()
  readonly processes = new Map<string, number[]>()
  readonly oom = new Set<string>()
  readonly removed: string[] = []
  /** Existing cgroups, by path. */
  readonly existing = new Set<string>()
  #reads = 0n

  stats(paths: Record<string, string>): CgroupStats {
    return { ...zeros(++this.#reads), ...this.counters.get(paths[''] ?? '') }
  }

  pids(paths: Record<string, string>): number[] {
    return this.processes.get(paths[''] ?? '') ?? []
  }

  oomKilled(paths: Record<string, string>): boolean {
    return this.oom.has(paths[''] ?? '')
  }

  async remove(paths: Record<string, string>): Promise<void> {
    for (const path of Object.values(paths)) {
      this.removed.push(path)
      this.existing.delete(path)
    }
  }

  strays(parent: string, owned: ReadonlySet<string>): Record<string, string>[] {
    return [...this.existing]
      .filter(path => path.includes(`${parent}/`) && !owned.has(path.slice(path.lastIndexOf('/') + 1)))
      .map(path => ({ '': path }))
  }

  removeParent(parent: string): void {
    this.removed.push(parent)
  }
}

function zeros(readAt: bigint): CgroupStats {
  return {
    readAt,
    cpu: {
      totalUsage: 0,
      userUsage: 0,
      kernelUsage: 0,
      perCpu: null,
      throttledPeriods: 0,
      periods: 0,
      throttledTime: 0,
    },
    memory: { usage: 0, maxUsage: 0, limit: 0, stats: {}, failcnt: 0 },
    pids: { current: 0, limit: 0 },
    blkio: [],
  }
}
