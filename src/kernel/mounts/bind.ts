import { BerthError, invalid, system } from '#lib/errors.ts'
import type { IdMap } from '#ports/mounts.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as libc from '../ffi/libc.ts'
import * as api from '../ffi/mount-api.ts'
import { userNamespace } from '../ffi/user-namespace.ts'
import { parsePropagation } from './options.ts'

export interface BindOptions {
  recursive?: boolean
  /** With `recursive`, every mount below is read-only too. */
  readonly?: boolean
  propagation?: string
  idmap?: IdMap
}

/** Everything is set on the detached copy: nobody ever sees it writable or with another propagation. */
export function bindByApi(source: string, target: string, options: BindOptions): void {
  const { recursive = false, readonly = false } = options
  const propagation = propagationOf(options)
  const tree = api.cloneTree(source, recursive)
  try {
    if (options.idmap) mapOwners(tree, options.idmap, recursive)
    if (readonly) api.setMountAttributes(tree, { set: api.MOUNT_ATTR_RDONLY }, recursive)
    if (propagation) api.setMountAttributes(tree, { propagation: propagation.flag }, propagation.recursive)
    api.attachMount(tree, target)
  } finally {
    api.closeQuietly(tree)
  }
}

/** Before Linux 5.12: a bind is remounted read-only after it is there, and only its top mount can be. */
export function bindClassic(source: string, target: string, options: BindOptions): void {
  if (options.idmap) throw idmapNeedsKernel()
  const recursion = options.recursive ? libc.MS_REC : 0
  const propagation = propagationOf(options)
  libc.mount(source, target, null, libc.MS_BIND | recursion)
  try {
    if (options.readonly) libc.mount(null, target, null, libc.MS_BIND | libc.MS_REMOUNT | libc.MS_RDONLY)
    if (propagation) libc.mount(null, target, null, propagation.flag | (propagation.recursive ? libc.MS_REC : 0))
  } catch (error) {
    libc.umount2(target, libc.MNT_DETACH)
    throw error
  }
}

export function mapOwners(tree: number, { uids, gids }: IdMap, recursive: boolean): void {
  const userNamespaceFd = userNamespace(uids, gids)
  try {
    api.setMountAttributes(tree, { set: api.MOUNT_ATTR_IDMAP, userNamespace: userNamespaceFd }, recursive)
  } catch (cause) {
    if (hasErrno(cause, 'ENOSYS')) throw idmapNeedsKernel()
    const errno = String(cause instanceof BerthError && cause.details.errno)
    const details = { errno }
    if (errno === 'EINVAL') {
      throw system(
        'its file system cannot map owners on this kernel (overlays, network and FUSE mounts often cannot)',
        {
          cause,
          details,
        },
      )
    }
    if (errno === 'EPERM') throw system('its owners are mapped already, and can be only once', { cause, details })
    throw cause
  } finally {
    libc.close(userNamespaceFd)
  }
}

const idmapNeedsKernel = () => system('id-mapped mounts need Linux 5.12 or later', { details: { errno: 'EOPNOTSUPP' } })

function propagationOf({ propagation }: BindOptions): { flag: number; recursive: boolean } | undefined {
  if (propagation === undefined || propagation === '') return undefined
  const parsed = parsePropagation(propagation)
  if (!parsed) throw invalid(`invalid propagation mode ${JSON.stringify(propagation)}: use rprivate, rslave or rshared`)
  return parsed
}
