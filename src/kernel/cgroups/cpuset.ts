import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Gives the parent of a cgroup its CPUs and memory nodes (cgroups v1, cpuset). A new cpuset has none, and a process
 * that is moved below one fails with ENOSPC; crun fills it too, but another one's create may come in between.
 *
 * @param paths of the container's cgroup, by controller
 */
export function prepareCpuset(paths: Readonly<Record<string, string>>): void {
  if (paths.cpuset !== undefined) fill(dirname(paths.cpuset))
}

function fill(directory: string): void {
  if (value(directory, 'cpus') && value(directory, 'mems')) return
  const parent = dirname(directory)
  // Above the hierarchy's root there is nothing to copy from.
  if (parent === directory || parent === '/sys/fs/cgroup') return
  fill(parent)
  mkdirSync(directory, { recursive: true })
  for (const kind of ['cpus', 'mems'] as const) {
    if (value(directory, kind) === '') writeFileSync(join(directory, `cpuset.${kind}`), value(parent, kind) ?? '')
  }
}

/** undefined where there is no cpuset. */
function value(directory: string, kind: 'cpus' | 'mems'): string | undefined {
  try {
    return readFileSync(join(directory, `cpuset.${kind}`), 'latin1').trim()
  } catch {
    return undefined
  }
}
