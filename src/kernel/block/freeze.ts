import fs from 'node:fs'
import type { ImageType } from '#ports/block.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as libc from '../ffi/libc.ts'
import { closeQuietly } from '../ffi/mount-api.ts'
import { NEEDS } from './format.ts'
import { FICLONE, FIFREEZE, FITHAW, FITRIM, ioctlAsync } from './ioctl.ts'
import { runTool } from './run-tool.ts'

/**
 * Runs `work` while a mounted file system stands still with everything written (FIFREEZE): writers wait. Thawed whatever
 * happens, but for the end of this process: `thaw` at the next start.
 */
async function frozen<T>(target: string | undefined, work: () => Promise<T>): Promise<T> {
  if (target === undefined) return work()
  const fd = libc.open(target, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    await ioctlAsync(fd, `freeze ${target}`, FIFREEZE, new Uint8Array(8))
    try {
      return await work()
    } finally {
      await ioctlAsync(fd, `thaw ${target}`, FITHAW, new Uint8Array(8))
    }
  } finally {
    closeQuietly(fd)
  }
}

/** Not frozen is success. */
export async function thaw(target: string): Promise<void> {
  const fd = libc.open(target, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    await ioctlAsync(fd, `thaw ${target}`, FITHAW, new Uint8Array(8))
  } catch (error) {
    if (!hasErrno(error, 'EINVAL', 'EOPNOTSUPP')) throw error
  } finally {
    closeQuietly(fd)
  }
}

/** FITRIM, of everything: `struct fstrim_range`. A file system that cannot is left as it is. */
export async function trim(target: string): Promise<void> {
  const fd = libc.open(target, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    const range = new Uint8Array(new BigUint64Array([0n, 0xffff_ffff_ffff_ffffn, 0n]).buffer)
    await ioctlAsync(fd, `trim ${target}`, FITRIM, range)
  } catch (error) {
    if (!hasErrno(error, 'EOPNOTSUPP', 'EROFS')) throw error
  } finally {
    closeQuietly(fd)
  }
}

/**
 * The target is whole or absent. A mounted file system stands still only for the moment that sharing blocks takes.
 *
 * @returns undefined, with nothing made, when it is mounted and blocks cannot be shared
 */
export async function copyImage(
  from: string,
  to: string,
  { type, target }: { type: ImageType; target?: string },
): Promise<'reflink' | 'copy' | undefined> {
  const half = `${to}.part`
  try {
    const shared = await frozen(target, () => reflink(from, half))
    if (!shared && target !== undefined) return undefined
    const needs = { package: 'coreutils', what: 'copies of volumes' }
    if (!shared) await runTool('cp', ['--sparse=always', '--', from, half], needs)
    // Two of btrfs with the same id are one to the kernel.
    if (type === 'btrfs') await runTool('btrfstune', ['-f', '-m', half], NEEDS.btrfs)
    fs.renameSync(half, to)
    return shared ? 'reflink' : 'copy'
  } finally {
    fs.rmSync(half, { force: true })
  }
}

async function reflink(from: string, to: string): Promise<boolean> {
  const source = libc.open(from, fs.constants.O_RDONLY)
  const target = fs.openSync(to, 'w', 0o600)
  try {
    await libc.promised(ficlone(), `share the blocks of ${from}`, target, FICLONE, source)
    return true
  } catch (error) {
    if (!hasErrno(error, 'EOPNOTSUPP', 'EINVAL', 'EXDEV', 'ENOTTY', 'ETXTBSY')) throw error
    return false
  } finally {
    closeQuietly(source)
    fs.closeSync(target)
  }
}

const ficlone = libc.native('int ioctl(int fd, ulong request, long argument)')
