import fs from 'node:fs'
import { basename, dirname } from 'node:path'
import { hasErrno } from '../ffi/errno.ts'
import { setXattr } from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { closeQuietly } from '../ffi/mount-api.ts'
import { BTRFS_IOC_SNAP_CREATE_V2, BTRFS_IOC_SNAP_DESTROY, BTRFS_IOC_SUBVOL_CREATE, ioctlAsync } from './ioctl.ts'

/** Subvolumes of btrfs (linux/btrfs.h). */
const ARGS = 4096
const NAME_V1 = 8
const FLAGS_V2 = 16
const NAME_V2 = 56
const SUBVOL_RDONLY = 2n
const DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY

const BTRFS_SUPER_MAGIC = 0x9123683e
/** Inode of each subvolume's top. */
const TOP = 256

export async function isSubvolume(path: string): Promise<boolean> {
  const [{ ino }, { type }] = await Promise.all([fs.promises.lstat(path), fs.promises.statfs(path)])
  return ino === TOP && type === BTRFS_SUPER_MAGIC
}

/** As `removeSubvolume`, of a name in an open directory. @throws ENOTEMPTY if there are subvolumes in it */
export async function removeSubvolumeAt(parent: number, name: Buffer): Promise<void> {
  const argument = Buffer.alloc(ARGS)
  name.copy(argument, NAME_V1)
  await ioctlAsync(parent, 'remove a subvolume', BTRFS_IOC_SNAP_DESTROY, argument)
}

export async function makeSubvolume(path: string): Promise<void> {
  await withDirectory(dirname(path), async parent => {
    const argument = Buffer.alloc(ARGS)
    argument.write(basename(path), NAME_V1, 'utf8')
    await ioctlAsync(parent, `make subvolume ${path}`, BTRFS_IOC_SUBVOL_CREATE, argument)
  })
}

export async function snapshotSubvolume(subvolume: string, path: string, readonly: boolean): Promise<void> {
  await withDirectory(subvolume, source =>
    withDirectory(dirname(path), async parent => {
      const argument = Buffer.alloc(ARGS)
      argument.writeBigInt64LE(BigInt(source), 0)
      argument.writeBigUInt64LE(readonly ? SUBVOL_RDONLY : 0n, FLAGS_V2)
      argument.write(basename(path), NAME_V2, 'utf8')
      await ioctlAsync(parent, `snapshot ${subvolume} as ${path}`, BTRFS_IOC_SNAP_CREATE_V2, argument)
    }),
  )
}

/** Already gone is success. */
export async function removeSubvolume(path: string): Promise<void> {
  try {
    await withDirectory(dirname(path), async parent => {
      const argument = Buffer.alloc(ARGS)
      argument.write(basename(path), NAME_V1, 'utf8')
      await ioctlAsync(parent, `remove subvolume ${path}`, BTRFS_IOC_SNAP_DESTROY, argument)
    })
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
  }
}

/** The property that btrfs(5) calls `compression`: holds for what is written from now on, and is inherited. */
export function setCompression(directory: string, algorithm: string): void {
  setXattr(Buffer.from(directory).toString('latin1'), 'btrfs.compression', Buffer.from(algorithm))
}

async function withDirectory<T>(path: string, work: (fd: number) => Promise<T>): Promise<T> {
  const fd = libc.open(path, DIRECTORY)
  try {
    return await work(fd)
  } finally {
    closeQuietly(fd)
  }
}
