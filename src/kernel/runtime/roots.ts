import { mkdirSync } from 'node:fs'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { MNT_DETACH, mount, MS_BIND, MS_REC, MS_SHARED, umount2 } from '#kernel/ffi/libc.ts'
import { isBoundOnItself, mountAt, peerGroup, readMountinfo } from './mountinfo.ts'

/**
 * Makes both roots shared mounts, so that what the daemon mounts below them later (root file systems, volumes, pinned
 * namespaces) also shows up in the mount namespace that the OCI runtime works in, on hosts whose `/` is private. A root
 * that is one already, such as after a crash, is left as it is.
 *
 * @returns undoes it; to be called at a clean shutdown when no container is left
 */
export function prepareRoots(execRoot: string, dataRoot: string): () => void {
  // Read once: with many containers it takes the kernel 10 ms.
  const mountinfo = readMountinfo()
  for (const root of [dataRoot, execRoot]) {
    mkdirSync(root, { recursive: true, mode: 0o711 })
    const existing = mountAt(root, mountinfo)
    if (peerGroup(existing, 'shared') !== undefined) continue
    if (!existing) mount(root, root, null, MS_BIND | MS_REC)
    mount(null, root, null, MS_SHARED | MS_REC)
  }
  return () => {
    for (const root of [execRoot, dataRoot]) {
      if (!isBoundOnItself(root)) continue
      try {
        umount2(root, MNT_DETACH)
      } catch (error) {
        if (!hasErrno(error, 'EINVAL', 'ENOENT')) throw error
      }
    }
  }
}
