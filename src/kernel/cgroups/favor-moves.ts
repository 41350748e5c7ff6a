import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { MNT_DETACH, mount, MS_NODEV, MS_NOEXEC, MS_NOSUID, umount2 } from '#kernel/ffi/libc.ts'
import { mountAt } from '#kernel/runtime/mountinfo.ts'
import { MOVES_HIERARCHY } from './layout.ts'

/**
 * Makes moving a process into a cgroup cheap: by default the kernel waits for an RCU grace period (10-25 ms) at the
 * first write to a `cgroup.procs`, which is half of what starting a container takes. The mount option `favordynmods`
 * (Linux 6.0, Documentation/admin-guide/cgroup-v2.rst) trades that for a little at each fork. It holds for the whole
 * kernel as soon as one hierarchy has it, so Berth mounts an empty one of its own, without controllers, and leaves those
 * of the host as they are.
 *
 * @returns undoes it
 * @throws system where the kernel has no such option, or no v1 hierarchies
 */
export function favorMoves(execRoot: string): () => void {
  const target = join(execRoot, 'cgroup-moves')
  mkdirSync(target, { recursive: true, mode: 0o700 })
  if (!mountAt(target)) {
    try {
      mount('none', target, 'cgroup', MS_NOSUID | MS_NODEV | MS_NOEXEC, `none,${MOVES_HIERARCHY},favordynmods`)
    } catch (error) {
      rmdirSync(target)
      throw error
    }
  }
  return () => {
    umount2(target, MNT_DETACH)
    rmdirSync(target)
  }
}
