/** Counters of one container, whatever the cgroup version. Bytes and nanoseconds. */
export interface CgroupStats {
  readAt: bigint
  cpu: {
    totalUsage: number
    userUsage: number
    kernelUsage: number
    perCpu: number[] | null
    throttledPeriods: number
    periods: number
    throttledTime: number
  }
  memory: { usage: number; maxUsage: number; limit: number; stats: Record<string, number>; failcnt: number }
  pids: { current: number; limit: number }
  blkio: { major: number; minor: number; op: 'read' | 'write'; bytes: number; operations: number }[]
}

export interface Cgroups {
  readonly mode: 'v1' | 'v2' | 'hybrid'
  /** Controllers that this host can use: `cpu`, `memory`, `pids`, `blkio`/`io`, `cpuset`, `devices`, `freezer`. */
  readonly controllers: ReadonlySet<string>
  /** @param paths as `Runtime.cgroupPaths` returns them. Counters that the kernel lacks are 0. */
  stats(paths: Record<string, string>): CgroupStats
  /** Pids in the container's cgroup, threads not included, children included. */
  pids(paths: Record<string, string>): number[]
  /** Whether the kernel killed a process of this cgroup for memory. */
  oomKilled(paths: Record<string, string>): boolean
  /** Removes the cgroup directories, empty ones below them included; already gone is success. */
  remove(paths: Record<string, string>): Promise<void>
  /** Cgroups below `parent` (`/berth` unless configured) that no id of `owned` has. */
  strays(parent: string, owned: ReadonlySet<string>): Record<string, string>[]
  /** Removes the empty cgroups at `parent`, at a clean shutdown when no container is left. */
  removeParent(parent: string): void
}
