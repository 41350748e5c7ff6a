import { readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { system } from '#lib/errors.ts'

/** Milliseconds for which the kernel may still hold a cgroup whose last process has been reaped. */
const PATIENCE = 5_000

/** Removes the cgroups with those below them; already gone is success. */
export async function removeCgroups(paths: Record<string, string>): Promise<void> {
  const deadline = Date.now() + PATIENCE
  let left = [...new Set(Object.values(paths))]
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    left = left.filter(path => !tryRemove(path))
    if (left.length === 0) return
    if (Date.now() > deadline) throw system(`cgroup ${left[0]} still has processes`, { details: { errno: 'EBUSY' } })
    await setTimeout(wait)
  }
}

/** @returns whether it has gone */
function tryRemove(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return true
    // EBUSY: processes, or cgroups below it that the container made.
    if (!hasErrno(error, 'EBUSY', 'ENOTEMPTY')) throw error
  }
  for (const child of childrenOf(path)) tryRemove(child)
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return true
    if (hasErrno(error, 'EBUSY', 'ENOTEMPTY')) return false
    throw error
  }
}

export function childrenOf(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => join(path, entry.name))
  } catch {
    return []
  }
}

/** Pids in the cgroup and those below it. */
export function pidsBelow(path: string): number[] {
  const pids = readPids(path)
  for (const child of childrenOf(path)) pids.push(...pidsBelow(child))
  return pids
}

function readPids(path: string): number[] {
  try {
    const text = readFileSync(join(path, 'cgroup.procs'), 'latin1')
    return text.split('\n').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** The one hierarchy to read processes from: every one of them holds the same. */
export function processHierarchy(paths: Record<string, string>): string | undefined {
  return paths[''] ?? paths.pids ?? paths.systemd ?? paths.devices ?? Object.values(paths)[0]
}
