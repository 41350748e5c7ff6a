import fs from 'node:fs'
import type { ImageType } from '#ports/block.ts'
import { system } from '#lib/errors.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as libc from '../ffi/libc.ts'
import { closeQuietly } from '../ffi/mount-api.ts'
import { NEEDS } from './format.ts'
import { BTRFS_IOC_RESIZE, EXT4_IOC_RESIZE_FS, ioctlAsync } from './ioctl.ts'
import { listLoops, refreshCapacity } from './loop.ts'
import { runTool } from './run-tool.ts'

/** Of the file systems that `format` makes. */
const EXT4_BLOCK = 4096
/** `struct btrfs_ioctl_vol_args` with its name after the descriptor. */
const BTRFS_ARGS = 4096

/**
 * Makes a mounted file system as large as its file now is. The file may be larger already: a growth that was cut short
 * goes on with the next.
 */
export async function growMounted(
  image: string,
  { type, bytes, target }: { type: ImageType; bytes: number; target: string },
): Promise<void> {
  extend(image, bytes)
  const real = fs.realpathSync(image)
  for (const { device, file } of listLoops()) if (file === real) refreshCapacity(device)
  const fd = libc.open(target, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    if (type === 'btrfs') {
      const argument = Buffer.alloc(BTRFS_ARGS)
      argument.write('max', 8, 'latin1')
      await ioctlAsync(fd, `grow the file system at ${target}`, BTRFS_IOC_RESIZE, argument)
    } else {
      const blocks = Buffer.alloc(8)
      blocks.writeBigUInt64LE(BigInt(Math.floor(bytes / EXT4_BLOCK)))
      await ioctlAsync(fd, `grow the file system at ${target}`, EXT4_IOC_RESIZE_FS, blocks)
    }
  } catch (cause) {
    if (!hasErrno(cause, 'EPERM')) throw cause
    const words = `${image} cannot grow while it is in use: the daemon lacks CAP_SYS_RESOURCE`
    throw system(`${words}: stop the containers that use it first`, { cause, details: { errno: 'EPERM' } })
  } finally {
    closeQuietly(fd)
  }
}

/** ext4 that nobody has mounted: the kernel grows only what is mounted, and only for whom it trusts with resources. */
export async function growDetached(image: string, bytes: number): Promise<void> {
  extend(image, bytes)
  // 1: something was mended.
  await runTool('e2fsck', ['-f', '-p', image], NEEDS.ext4, [0, 1])
  await runTool('resize2fs', [image], NEEDS.ext4)
}

function extend(image: string, bytes: number): void {
  if (fs.statSync(image).size < bytes) fs.truncateSync(image, bytes)
}
