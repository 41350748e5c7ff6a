import koffi from 'koffi'
import { checked, errnoError } from './errno.ts'
import { native, promised } from './libc.ts'

/**
 * File calls relative to a directory descriptor (`*at`), which Node does not have: a path resolved once stays what it
 * was, whatever a container renames meanwhile. Names are strings of bytes (latin1), as disk and archives have them.
 */
type Name = string

const c = {
  openat: native('int openat(int directory, const uint8_t *path, int flags, uint mode)'),
  openat2: native('long syscall(long number, int directory, const uint8_t *path, const uint8_t *how, size_t size)'),
  mkdirat: native('int mkdirat(int directory, const uint8_t *path, uint mode)'),
  mknodat: native('long syscall(long number, int directory, const uint8_t *path, uint mode, uint device)'),
  symlinkat: native('int symlinkat(const uint8_t *target, int directory, const uint8_t *path)'),
  linkat: native('int linkat(int from, const uint8_t *old, int to, const uint8_t *path, int flags)'),
  unlinkat: native('int unlinkat(int directory, const uint8_t *path, int flags)'),
  readlinkat: native('long readlinkat(int directory, const uint8_t *path, _Out_ uint8_t *buffer, size_t size)'),
  fchownat: native('int fchownat(int directory, const uint8_t *path, uint uid, uint gid, int flags)'),
  fchmod: native('int fchmod(int fd, uint mode)'),
  fchmodat: native('int fchmodat(int directory, const uint8_t *path, uint mode, int flags)'),
  utimensat: native('int utimensat(int directory, const uint8_t *path, const uint8_t *times, int flags)'),
  futimens: native('int futimens(int fd, const uint8_t *times)'),
  fchown: native('int fchown(int fd, uint uid, uint gid)'),
  lseek: native('long lseek(int fd, long offset, int whence)'),
  ioctlNumber: native('int ioctl(int fd, ulong request, long argument)'),
  copyFileRange: native(
    'long copy_file_range(int from, _Inout_ int64_t *fromOffset, int to, _Inout_ int64_t *toOffset, size_t size, uint flags)',
  ),
  statx: native('int statx(int directory, const uint8_t *path, int flags, uint mask, _Out_ uint8_t *buffer)'),
  lsetxattr: native(
    'int lsetxattr(const uint8_t *path, const uint8_t *name, const uint8_t *value, size_t size, int flags)',
  ),
  fsetxattr: native('int fsetxattr(int fd, const uint8_t *name, const uint8_t *value, size_t size, int flags)'),
  lgetxattr: native('long lgetxattr(const uint8_t *path, const uint8_t *name, _Out_ uint8_t *value, size_t size)'),
  llistxattr: native('long llistxattr(const uint8_t *path, _Out_ uint8_t *list, size_t size)'),
  flistxattr: native('long flistxattr(int fd, const uint8_t *list, size_t size)'),
  lremovexattr: native('int lremovexattr(const uint8_t *path, const uint8_t *name)'),
  renameat2: native('int renameat2(int from, const uint8_t *old, int to, const uint8_t *path, uint flags)'),
  syncfs: native('int syncfs(int fd)'),
  fsync: native('int fsync(int fd)'),
}

const SYS_OPENAT2 = 437
const SYS_MKNODAT = process.arch === 'arm64' ? 33 : 259
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_REMOVEDIR = 0x200
const AT_EMPTY_PATH = 0x1000

export const AT_FDCWD = -100
export const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000

export const RESOLVE_NO_MAGICLINKS = 0x02
export const RESOLVE_IN_ROOT = 0x10

export const S_IFMT = 0o170000
export const S_IFSOCK = 0o140000
export const S_IFLNK = 0o120000
export const S_IFREG = 0o100000
export const S_IFBLK = 0o060000
export const S_IFDIR = 0o040000
export const S_IFCHR = 0o020000
export const S_IFIFO = 0o010000

const z = (name: Name): Buffer => Buffer.from(`${name}\0`, 'latin1')
const shown = (name: Name) => Buffer.from(name, 'latin1').toString('utf8')

export function openat(directory: number, name: Name, flags: number, mode = 0): number {
  return checked(c.openat()(directory, z(name), flags | O_CLOEXEC, mode), `open ${shown(name)}`)
}

/** Resolves with RESOLVE_* rules; a race with a rename (EAGAIN) is tried again. */
export function openat2(directory: number, name: Name, flags: number, resolve: number, mode = 0): number {
  const how = new Uint8Array(new BigUint64Array([BigInt(flags | O_CLOEXEC), BigInt(mode), BigInt(resolve)]).buffer)
  const path = z(name)
  for (let tries = 0; ; tries++) {
    const fd = Number(c.openat2()(SYS_OPENAT2, directory, path, how, how.length))
    if (fd >= 0) return fd
    const errno = koffi.errno()
    if (errno !== koffi.os.errno.EAGAIN || tries === 100) throw errnoError(`open ${shown(name)}`, errno)
  }
}

export function mkdirat(directory: number, name: Name, mode: number): void {
  checked(c.mkdirat()(directory, z(name), mode), `make directory ${shown(name)}`)
}

/** @param mode with the S_IF* type */
export function mknodat(directory: number, name: Name, mode: number, major = 0, minor = 0): void {
  const device = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)
  checked(Number(c.mknodat()(SYS_MKNODAT, directory, z(name), mode, device >>> 0)), `make node ${shown(name)}`)
}

export function symlinkat(target: Name, directory: number, name: Name): void {
  checked(c.symlinkat()(z(target), directory, z(name)), `make symlink ${shown(name)}`)
}

/** Never follows a final symlink. */
export function linkat(from: number, old: Name, to: number, name: Name): void {
  checked(c.linkat()(from, z(old), to, z(name), 0), `link ${shown(old)} as ${shown(name)}`)
}

export function unlinkat(directory: number, name: Name, options: { directory: boolean }): void {
  checked(c.unlinkat()(directory, z(name), options.directory ? AT_REMOVEDIR : 0), `remove ${shown(name)}`)
}

export function readlinkat(directory: number, name: Name): Name {
  const buffer = Buffer.alloc(4096)
  const length = Number(checked(Number(c.readlinkat()(directory, z(name), buffer, 4096)), `read link ${shown(name)}`))
  return buffer.toString('latin1', 0, length)
}

/** Never follows a final symlink. */
export function chownat(directory: number, name: Name, uid: number, gid: number): void {
  checked(c.fchownat()(directory, z(name), uid, gid, AT_SYMLINK_NOFOLLOW), `change the owner of ${shown(name)}`)
}

/** Follows a final symlink, as chmod(2) always does: only for what is known to be none. */
export function chmodat(directory: number, name: Name, mode: number): void {
  checked(c.fchmodat()(directory, z(name), mode, 0), `change the mode of ${shown(name)}`)
}

export function fchown(fd: number, uid: number, gid: number): void {
  checked(c.fchown()(fd, uid, gid), 'change an owner')
}

export function fchmod(fd: number, mode: number): void {
  checked(c.fchmod()(fd, mode), 'change a mode')
}

export interface Time {
  seconds: number
  nanos: number
}

/** Sets the modification time, and the access time to the same. Never follows a final symlink. */
export function utimeat(directory: number, name: Name, time: Time): void {
  checked(c.utimensat()(directory, z(name), timespecs(time), AT_SYMLINK_NOFOLLOW), `set the times of ${shown(name)}`)
}

export function futime(fd: number, time: Time): void {
  checked(c.futimens()(fd, timespecs(time)), 'set the times of a file')
}

function timespecs({ seconds, nanos }: Time): Uint8Array {
  const [s, n] = [BigInt(seconds), BigInt(nanos)]
  return new Uint8Array(new BigInt64Array([s, n, s, n]).buffer)
}

export interface Stat {
  /** With the S_IF* type. */
  mode: number
  nlink: number
  uid: number
  gid: number
  size: number
  /** 512-byte blocks on disk. */
  blocks: number
  /** Device and inode number: equal for hard links of one file. */
  id: string
  device: string
  mtime: Time
  ctime: Time
  major: number
  minor: number
  /** Something is mounted there, be it of the same device (Linux 5.8). */
  mountRoot: boolean
}

const STATX_ATTR_MOUNT_ROOT = 0x2000
const statBuffer = () => Buffer.alloc(256)

/** Never follows a final symlink; an empty name is the descriptor itself. */
export function statat(directory: number, name: Name): Stat {
  const b = statBuffer()
  const flags = AT_SYMLINK_NOFOLLOW | (name === '' ? AT_EMPTY_PATH : 0)
  checked(c.statx()(directory, z(name), flags, 0x7ff, b), `stat ${shown(name)}`)
  const device = `${b.readUInt32LE(136)}:${b.readUInt32LE(140)}`
  return {
    mode: b.readUInt16LE(28),
    nlink: b.readUInt32LE(16),
    uid: b.readUInt32LE(20),
    gid: b.readUInt32LE(24),
    size: wide(b, 40),
    blocks: wide(b, 48),
    id: `${device}:${b.readBigUInt64LE(32)}`,
    device,
    mtime: { seconds: Number(b.readBigInt64LE(112)), nanos: b.readUInt32LE(120) },
    ctime: { seconds: Number(b.readBigInt64LE(96)), nanos: b.readUInt32LE(104) },
    major: b.readUInt32LE(128),
    minor: b.readUInt32LE(132),
    mountRoot: (b.readUInt32LE(8) & STATX_ATTR_MOUNT_ROOT) !== 0,
  }
}

function wide(b: Buffer, at: number): number {
  return b.readUInt32LE(at) + b.readUInt32LE(at + 4) * 2 ** 32
}

const SEEK_DATA = 3
const SEEK_HOLE = 4

/** The next stretch of data at or after `offset`; undefined when only a hole follows. */
export function nextData(fd: number, offset: number): { start: number; end: number } | undefined {
  const start = Number(c.lseek()(fd, offset, SEEK_DATA))
  if (start < 0) {
    const errno = koffi.errno()
    if (errno === koffi.os.errno.ENXIO) return undefined
    throw errnoError('look for data in a file', errno)
  }
  return { start, end: Number(checked(Number(c.lseek()(fd, start, SEEK_HOLE)), 'look for a hole in a file')) }
}

/**
 * Copies within the kernel, sharing blocks where the file system can; on a pool thread.
 *
 * @returns bytes copied, 0 at the end of `from`
 */
export async function copyRange(from: number, to: number, offset: number, size: number): Promise<number> {
  return Number(await promised(c.copyFileRange(), 'copy file data', from, [offset], to, [offset], size, 0))
}

const FICLONE = 0x40049409

/** Makes an empty file share all blocks of another one of its file system (ioctl_ficlone(2)). */
export function ficlone(from: number, to: number): void {
  checked(c.ioctlNumber()(to, FICLONE, from), 'share the blocks of a file')
}

/** The path by which a name in an open directory is reached with calls that take only paths. */
export function through(directory: number, name: Name): Name {
  return `/proc/self/fd/${directory}/${name}`
}

/** Extended attributes of a path (bytes), symlinks not followed. A file system without them has none. */
export function listXattrs(path: Name): Name[] {
  let buffer = Buffer.alloc(512)
  for (;;) {
    const length = Number(c.llistxattr()(z(path), buffer, buffer.length))
    if (length >= 0) return buffer.toString('latin1', 0, length).split('\0').filter(Boolean)
    const errno = koffi.errno()
    if (errno === koffi.os.errno.EOPNOTSUPP) return []
    if (errno !== koffi.os.errno.ERANGE || buffer.length >= 65536) throw errnoError(`read attributes of ${path}`, errno)
    buffer = Buffer.alloc(65536)
  }
}

/** Whether an open file may have extended attributes: most have none, and this costs least. */
export function mayHaveXattrs(fd: number): boolean {
  return Number(c.flistxattr()(fd, null, 0)) !== 0
}

/** @returns undefined when the attribute is absent */
export function getXattr(path: Name, name: Name): Buffer | undefined {
  let buffer = Buffer.alloc(256)
  for (;;) {
    const length = Number(c.lgetxattr()(z(path), z(name), buffer, buffer.length))
    if (length >= 0) return Buffer.from(buffer.subarray(0, length))
    const errno = koffi.errno()
    if (errno === koffi.os.errno.ENODATA || errno === koffi.os.errno.EOPNOTSUPP) return undefined
    if (errno !== koffi.os.errno.ERANGE || buffer.length >= 65536)
      throw errnoError(`read attribute ${name} of ${shown(path)}`, errno)
    buffer = Buffer.alloc(65536)
  }
}

export function setXattr(path: Name, name: Name, value: Uint8Array): void {
  checked(c.lsetxattr()(z(path), z(name), value, value.length, 0), `set attribute ${name} of ${shown(path)}`)
}

export function removeXattr(path: Name, name: Name): void {
  checked(c.lremovexattr()(z(path), z(name)), `remove attribute ${name} of ${shown(path)}`)
}

export function setXattrOf(fd: number, name: Name, value: Uint8Array): void {
  checked(c.fsetxattr()(fd, z(name), value, value.length, 0), `set attribute ${name}`)
}

const RENAME_EXCHANGE = 2

/** Each of the two names becomes the other, in one step. */
export function exchange(one: Name, other: Name): void {
  const done = c.renameat2()(AT_FDCWD, z(one), AT_FDCWD, z(other), RENAME_EXCHANGE)
  checked(done, `exchange ${shown(one)} and ${shown(other)}`)
}

export function renameat(from: number, old: Name, to: number, name: Name): void {
  checked(c.renameat2()(from, z(old), to, z(name), 0), `rename ${shown(old)}`)
}

/** Everything of the file system that `fd` is on; may take seconds. */
export function syncfsAsync(fd: number): Promise<number> {
  return promised(c.syncfs(), 'write a file system back', fd)
}

export function fsyncAsync(fd: number): Promise<number> {
  return promised(c.fsync(), 'write a file back', fd)
}
