import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { hasErrno } from '../ffi/errno.ts'
import * as libc from '../ffi/libc.ts'
import { shareDirectory } from './share-directory.ts'

/**
 * `<exec-root>/mounts`, where sources of mounts are pinned while a container is created: a mount of its own, so that what
 * is mounted below it stays out of the runtime's mount namespace but for what is lent (`kernel/runtime/mount-namespace.ts`).
 */
export class PinRoot {
  readonly path: string

  constructor(execRoot: string) {
    this.path = join(execRoot, 'mounts')
    mkdirSync(this.path, { recursive: true, mode: 0o700 })
    shareDirectory(this.path)
  }

  close(): void {
    try {
      libc.umount2(this.path, libc.UMOUNT_NOFOLLOW)
    } catch (error) {
      // EBUSY: something is pinned still.
      if (!hasErrno(error, 'EINVAL', 'ENOENT', 'EBUSY')) throw error
    }
  }
}
