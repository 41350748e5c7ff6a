import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseMountInfo } from '#codec/mountinfo.ts'

/**
 * Where this host's cgroup hierarchies are mounted. On a hybrid host the v1 controllers are what containers use; the v2
 * tree beside them is left alone.
 */
export interface CgroupLayout {
  mode: 'v1' | 'v2' | 'hybrid'
  /** Mount point by v1 controller (`systemd` for `name=systemd`), or one entry `''` for v2. */
  roots: ReadonlyMap<string, string>
  /** Mount point of the v2 tree of a hybrid host. */
  unified?: string
}

/** Berth's own hierarchy without controllers (see favor-moves.ts): nothing is ever put into it. */
export const MOVES_HIERARCHY = 'name=berth'

export function readLayout(mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')): CgroupLayout {
  const roots = new Map<string, string>()
  let unified: string | undefined
  for (const { type, mountPoint, superOptions } of parseMountInfo(mountinfo)) {
    if (type === 'cgroup2') unified ??= mountPoint
    if (type !== 'cgroup' || superOptions.includes(MOVES_HIERARCHY)) continue
    for (const option of superOptions) {
      const name = option.startsWith('name=') ? option.slice(5) : option
      if (option.startsWith('name=') || V1_CONTROLLERS.has(option)) roots.set(name, roots.get(name) ?? mountPoint)
    }
  }
  if (roots.size === 0) return { mode: 'v2', roots: new Map(unified === undefined ? [] : [['', unified]]) }
  return unified === undefined ? { mode: 'v1', roots } : { mode: 'hybrid', roots, unified }
}

/** Absolute directories of the cgroup at `cgroupsPath` (as in the OCI spec, below the roots), by controller. */
export function pathsBelow(layout: CgroupLayout, cgroupsPath: string): Record<string, string> {
  const paths: Record<string, string> = {}
  for (const [controller, root] of layout.roots) paths[controller] = join(root, cgroupsPath)
  return paths
}

/** Those and what the runtime may have made in the v2 tree of a hybrid host (runc does): for removal. */
export function everyPathBelow(layout: CgroupLayout, cgroupsPath: string): Record<string, string> {
  const paths = pathsBelow(layout, cgroupsPath)
  return layout.unified === undefined ? paths : { ...paths, unified: join(layout.unified, cgroupsPath) }
}

const V1_CONTROLLERS = new Set([
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'net_cls',
  'net_prio',
  'perf_event',
  'hugetlb',
  'rdma',
  'misc',
])
