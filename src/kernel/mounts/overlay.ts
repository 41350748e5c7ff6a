import { constants } from 'node:fs'
import type { OverlayMount } from '#ports/mounts.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as libc from '../ffi/libc.ts'
import * as api from '../ffi/mount-api.ts'

/**
 * Options that must not follow a kernel's or a module's defaults. `index` would refuse an upper directory after its
 * lower layers were moved; `metacopy` and `redirect_dir` leave files in the upper directory that only overlayfs can
 * read, and a diff reads it directly.
 */
const FIXED: readonly [string, string][] = [
  ['index', 'off'],
  ['metacopy', 'off'],
  ['redirect_dir', 'off'],
]

/** fsconfig(2) takes values of up to 255 bytes; longer paths go through a descriptor. */
const FSCONFIG_MAX = 255
/** mount(2) takes one page of data, less room for the other options. */
const MOUNT_DATA_MAX = 4000

/** Holds O_PATH descriptors of directories and names them `/proc/self/fd/N`: short, and immune to renames. */
class Handles {
  readonly #fds: number[] = []

  name(path: string): string {
    const fd = libc.open(path, constants.O_DIRECTORY | O_PATH)
    this.#fds.push(fd)
    return `/proc/self/fd/${fd}`
  }

  close(): void {
    for (const fd of this.#fds) api.closeQuietly(fd)
  }
}
const O_PATH = 0o10000000

/** Up to 500 layers by `lowerdir+` (Linux 6.8); one call each, about 10 us. */
export function mountOverlayByApi(target: string, mount: OverlayMount, readonly: boolean, isVolatile: boolean): void {
  const handles = new Handles()
  const short = (path: string) => (Buffer.byteLength(path) > FSCONFIG_MAX ? handles.name(path) : path)
  let context: number | undefined
  let detached: number | undefined
  try {
    context = api.fsopen('overlay')
    api.fsconfigSet(context, 'source', 'overlay')
    for (const lower of mount.lower) api.fsconfigSet(context, 'lowerdir+', short(lower))
    if (mount.upper !== undefined && mount.work !== undefined) {
      api.fsconfigSet(context, 'upperdir', short(mount.upper))
      api.fsconfigSet(context, 'workdir', short(mount.work))
    }
    for (const [key, value] of FIXED) api.fsconfigSet(context, key, value)
    if (isVolatile) api.fsconfigSet(context, 'volatile')
    api.fsconfigCreate(context)
    detached = api.fsmount(context, readonly ? api.MOUNT_ATTR_RDONLY : 0)
    api.attachMount(detached, target)
  } finally {
    api.closeQuietly(detached)
    api.closeQuietly(context)
    handles.close()
  }
}

/** Older kernels: one option string, with descriptors for names when it would not fit a page. */
export function mountOverlayClassic(target: string, mount: OverlayMount, readonly: boolean, isVolatile: boolean): void {
  const handles = new Handles()
  const escape = (path: string) => path.replaceAll(/[\\:,]/g, '\\$&')
  const data = (name: (path: string) => string) => {
    const words = [`lowerdir=${mount.lower.map(name).join(':')}`]
    if (mount.upper !== undefined) words.push(`upperdir=${name(mount.upper)}`, `workdir=${name(mount.work ?? '')}`)
    return [...words, ...FIXED.map(([key, value]) => `${key}=${value}`), ...(isVolatile ? ['volatile'] : [])].join(',')
  }
  try {
    let text = data(escape)
    if (Buffer.byteLength(text) > MOUNT_DATA_MAX) text = data(path => handles.name(path))
    libc.mount('overlay', target, 'overlay', readonly ? libc.MS_RDONLY : 0, text)
  } finally {
    handles.close()
  }
}

/** The kernel has no new mount API, or its overlayfs does not know `lowerdir+`. */
export function lacksApi(error: unknown): boolean {
  return hasErrno(error, 'ENOSYS') || (hasErrno(error, 'EINVAL') && /lowerdir\+/.test((error as Error).message))
}
