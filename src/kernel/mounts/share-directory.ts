import fs from 'node:fs'
import * as libc from '#kernel/ffi/libc.ts'
import { isMountRoot } from '#kernel/ffi/mount-api.ts'

/**
 * Makes a directory a shared mount of its own, so that mount namespaces copied from the daemon's lose what was mounted
 * below it when the daemon unmounts that. One that is such a mount already stays as it is.
 */
export function shareDirectory(directory: string): void {
  const real = fs.realpathSync(directory)
  if (isMountRoot(real) !== true) {
    libc.mount(real, real, null, libc.MS_BIND)
    // Out of its parent's peer group, or everything would be mounted there too: twice the mounts to copy at a start.
    libc.mount(null, real, null, libc.MS_PRIVATE)
  }
  libc.mount(null, real, null, libc.MS_SHARED)
}
