import { native, promised } from '../ffi/libc.ts'

const call = native('int ioctl(int fd, ulong request, _Inout_ uint8_t *argument)')

/** ioctl(2) on a pool thread: what waits for a disk. */
export function ioctlAsync(fd: number, operation: string, request: number, argument: Uint8Array): Promise<number> {
  return promised(call(), operation, fd, request, argument)
}

// linux/loop.h
export const LOOP_CTL_GET_FREE = 0x4c82
export const LOOP_CLR_FD = 0x4c01
export const LOOP_GET_STATUS64 = 0x4c05
export const LOOP_SET_CAPACITY = 0x4c07
export const LOOP_CONFIGURE = 0x4c0a
// linux/fs.h
export const FIFREEZE = 0xc004_5877
export const FITHAW = 0xc004_5878
export const FITRIM = 0xc018_5879
export const FICLONE = 0x4004_9409
export const FS_IOC_FSGETXATTR = 0x801c_581f
export const FS_IOC_FSSETXATTR = 0x401c_5820
// ext4 and linux/btrfs.h
export const EXT4_IOC_RESIZE_FS = 0x4008_6610
export const BTRFS_IOC_RESIZE = 0x5000_9403
export const BTRFS_IOC_SUBVOL_CREATE = 0x5000_940e
export const BTRFS_IOC_SNAP_DESTROY = 0x5000_940f
export const BTRFS_IOC_SNAP_CREATE_V2 = 0x5000_9417
