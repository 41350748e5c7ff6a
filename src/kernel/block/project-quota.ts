import fs from 'node:fs'
import { randomInt } from 'node:crypto'
import { system } from '#lib/errors.ts'
import { checked, hasErrno } from '../ffi/errno.ts'
import * as libc from '../ffi/libc.ts'
import { closeQuietly } from '../ffi/mount-api.ts'
import { FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR } from './ioctl.ts'

/**
 * Project quotas (quotactl(2), ioctl_xfs_fsgetxattr(2)): everything below a directory belongs to a project by
 * inheritance, and a project may have a limit. The id is kept by the directory itself, so that it follows renames.
 */
const SYS_QUOTACTL_FD = 443
const PRJQUOTA = 2
const Q_GETQUOTA = 0x80_0007
const Q_SETQUOTA = 0x80_0008
const QIF_BLIMITS = 1
/** `struct if_dqblk` counts its limits in these. */
const QUOTA_BLOCK = 1024
const DQBLK_SIZE = 72
const FSXATTR_SIZE = 28
const FS_XFLAG_PROJINHERIT = 0x200
const LARGEST_ID = 0x7fff_ffff

const quotactl = libc.native('long syscall(long number, int fd, uint command, uint id, _Inout_ uint8_t *argument)')

export function hasProjectQuota(directory: string): boolean {
  try {
    return onDirectory(directory, fd => {
      getQuota(fd, 0)
      return true
    })
  } catch {
    // ENOSYS, ESRCH, EOPNOTSUPP, ENOTTY: none, each kernel in its own words
    return false
  }
}

/** @throws system when it cannot be set */
export function limitDirectory(directory: string, bytes: number): void {
  onDirectory(directory, fd => {
    let id = projectOf(fd)
    if (id === 0) {
      id = freeId(fd)
      setProject(fd, id)
    }
    checked(
      Number(quotactl()(SYS_QUOTACTL_FD, fd, command(Q_SETQUOTA), id, encodeLimit(bytes))),
      `limit ${directory} to ${bytes} bytes`,
    )
  })
}

export function limitOf(directory: string): { bytes: number; limit: number } | undefined {
  return onDirectory(directory, fd => {
    try {
      const id = projectOf(fd)
      return id === 0 ? undefined : decodeQuota(getQuota(fd, id))
    } catch (error) {
      if (hasErrno(error, 'ENOTTY', 'EOPNOTSUPP', 'ENOSYS', 'ESRCH', 'ENOENT')) return undefined
      throw error
    }
  })
}

export function encodeLimit(bytes: number): Buffer {
  const quota = Buffer.alloc(DQBLK_SIZE)
  const blocks = BigInt(Math.max(1, Math.floor(bytes / QUOTA_BLOCK)))
  quota.writeBigUInt64LE(blocks, 0)
  quota.writeBigUInt64LE(blocks, 8)
  quota.writeUInt32LE(QIF_BLIMITS, 64)
  return quota
}

export function decodeQuota(quota: Buffer): { bytes: number; limit: number } {
  return { limit: Number(quota.readBigUInt64LE(0)) * QUOTA_BLOCK, bytes: Number(quota.readBigUInt64LE(16)) }
}

const command = (name: number) => ((name << 8) | PRJQUOTA) >>> 0

function getQuota(fd: number, id: number): Buffer {
  const quota = Buffer.alloc(DQBLK_SIZE)
  checked(Number(quotactl()(SYS_QUOTACTL_FD, fd, command(Q_GETQUOTA), id, quota)), `read the quota of project ${id}`)
  return quota
}

/** One that nothing belongs to; there are two billion. */
function freeId(fd: number): number {
  for (let tries = 0; tries < 100; tries++) {
    const id = randomInt(1, LARGEST_ID)
    try {
      const { bytes, limit } = decodeQuota(getQuota(fd, id))
      if (bytes === 0 && limit === 0) return id
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'ESRCH')) throw error
      return id
    }
  }
  throw system('no project id is free for a quota')
}

function projectOf(fd: number): number {
  const attributes = Buffer.alloc(FSXATTR_SIZE)
  libc.ioctl(fd, FS_IOC_FSGETXATTR, attributes)
  return attributes.readUInt32LE(12)
}

function setProject(fd: number, id: number): void {
  const attributes = Buffer.alloc(FSXATTR_SIZE)
  libc.ioctl(fd, FS_IOC_FSGETXATTR, attributes)
  attributes.writeUInt32LE((attributes.readUInt32LE(0) | FS_XFLAG_PROJINHERIT) >>> 0, 0)
  attributes.writeUInt32LE(id, 12)
  libc.ioctl(fd, FS_IOC_FSSETXATTR, attributes)
}

function onDirectory<T>(directory: string, work: (fd: number) => T): T {
  const fd = libc.open(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    return work(fd)
  } finally {
    closeQuietly(fd)
  }
}
