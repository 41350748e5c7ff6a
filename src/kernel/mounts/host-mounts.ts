import { readFileSync } from 'node:fs'
import { parseMountInfo } from '#codec/mountinfo.ts'
import { BerthError, isKind, messageOf, system } from '#lib/errors.ts'
import type { Mounts, OverlayMount } from '#ports/mounts.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as libc from '../ffi/libc.ts'
import * as api from '../ffi/mount-api.ts'
import { type BindOptions, bindByApi, bindClassic } from './bind.ts'
import { bindInside } from './bind-inside.ts'
import { mountFilesystem } from './filesystem.ts'
import { onThread } from './mount-thread.ts'
import { lacksApi, mountOverlayByApi, mountOverlayClassic } from './overlay.ts'
import { parseMountOptions, restrictionsOf } from './options.ts'

/** Mounts in the daemon's own mount namespace. What cannot block is done at once, without a thread. */
export class HostMounts implements Mounts {
  #overlayApi = true
  #bindApi = true

  async overlay(
    target: string,
    mount: OverlayMount,
    options: { readonly?: boolean; volatile?: boolean } = {},
  ): Promise<void> {
    const { readonly = false, volatile: isVolatile = false } = options
    try {
      if (this.#overlayApi) {
        try {
          return mountOverlayByApi(target, mount, readonly, isVolatile)
        } catch (error) {
          if (!lacksApi(error)) throw error
        }
      }
      mountOverlayClassic(target, mount, readonly, isVolatile)
      // The older way worked where the newer did not: it is the kernel, not this mount.
      this.#overlayApi = false
    } catch (cause) {
      throw failure(`mounting an overlay of ${mount.lower.length} layers on ${target} failed`, cause)
    }
  }

  async filesystem(target: string, type: string, source: string, options: string[]): Promise<void> {
    const parsed = parseMountOptions(options)
    if (parsed.bind !== 'no') {
      const readonly = (parsed.flags & libc.MS_RDONLY) !== 0
      await this.bind(source, target, { recursive: parsed.bind === 'recursive', readonly })
      // A bind takes the flags of its source; others are set once it is there.
      if ((parsed.flags & ~(libc.MS_RDONLY | libc.MS_REMOUNT)) !== 0) {
        libc.mount(null, target, null, libc.MS_REMOUNT | libc.MS_BIND | parsed.flags)
      }
      return
    }
    return mountFilesystem(target, type, source, parsed)
  }

  async bind(source: string, target: string, options: BindOptions = {}): Promise<void> {
    try {
      if (this.#bindApi) {
        try {
          return bindByApi(source, target, options)
        } catch (error) {
          if (!hasErrno(error, 'ENOSYS')) throw error
          this.#bindApi = false
        }
      }
      bindClassic(source, target, options)
    } catch (cause) {
      throw failure(`bind mounting ${source} on ${target} failed`, cause)
    }
  }

  async bindInside(
    root: string,
    path: string,
    target: string,
    options: Pick<BindOptions, 'idmap' | 'recursive'> = {},
  ): Promise<boolean> {
    try {
      return bindInside(root, path, target, options)
    } catch (cause) {
      if (isKind(cause, 'not-found')) throw cause
      throw failure(`bind mounting ${path === '' ? root : `${path} of ${root}`} on ${target} failed`, cause)
    }
  }

  async tmpfs(target: string, options: string[]): Promise<void> {
    const { flags, data } = parseMountOptions(options)
    try {
      libc.mount('tmpfs', target, 'tmpfs', flags, data.join(','))
    } catch (cause) {
      throw failure(`mounting a tmpfs on ${target} with ${options.join(',') || 'no options'} failed`, cause)
    }
  }

  /** On a pool thread: the last unmount of an overlay or a network share may write back. */
  async unmount(target: string, { mayHang = false }: { mayHang?: boolean } = {}): Promise<void> {
    const unmount = async (flags: number) => {
      await (mayHang ? onThread({ call: 'unmount', target, flags }) : libc.umount2Async(target, flags))
    }
    try {
      await unmount(libc.UMOUNT_NOFOLLOW)
    } catch (error) {
      // EINVAL: not a mount point
      if (hasErrno(error, 'EINVAL', 'ENOENT')) return
      if (!hasErrno(error, 'EBUSY')) throw failure(`unmounting ${target} failed`, error)
      await unmount(libc.UMOUNT_NOFOLLOW | libc.MNT_DETACH)
    }
  }

  isMounted(target: string): boolean {
    try {
      return api.isMountRoot(target) ?? this.below(target).includes(target)
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false
      // A dead file server or FUSE process: there is a mount that cannot be looked at.
      return this.below(target).includes(target)
    }
  }

  async restrictions(path: string): Promise<string[]> {
    try {
      return restrictionsOf(await libc.mountFlags(path))
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return []
      throw failure(`reading the mount of ${path} failed`, error)
    }
  }

  below(prefix: string): string[] {
    const start = prefix.endsWith('/') ? prefix : `${prefix}/`
    return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'))
      .map(mount => mount.mountPoint)
      .filter(point => point === prefix || point.startsWith(start))
      .reverse()
      .sort((a, b) => b.split('/').length - a.split('/').length)
  }
}

function failure(what: string, cause: unknown): BerthError {
  const errno = cause instanceof BerthError ? cause.details.errno : undefined
  return system(`${what}: ${messageOf(cause)}`, { details: { errno } })
}
