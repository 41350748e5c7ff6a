import { constants, readSync, writeSync } from 'node:fs'
import koffi from 'koffi'
import { BerthError, system } from '#lib/errors.ts'
import { checked, errnoError, nodeError } from '../ffi/errno.ts'
import { native } from '../ffi/libc.ts'

/**
 * System calls of the hot paths (each file costs five or six): names go through one scratch buffer, and a stat is read
 * without big integers.
 */
const c = {
  openat: native('int openat(int directory, const uint8_t *path, int flags, uint mode)'),
  statx: native('int statx(int directory, const uint8_t *path, int flags, uint mask, _Out_ uint8_t *buffer)'),
  getdents: native('long getdents64(int fd, _Out_ uint8_t *buffer, size_t size)'),
  flistxattr: native('long flistxattr(int fd, _Out_ uint8_t *list, size_t size)'),
  fgetxattr: native('long fgetxattr(int fd, const uint8_t *name, _Out_ uint8_t *value, size_t size)'),
  fremovexattr: native('int fremovexattr(int fd, const uint8_t *name)'),
  futimens: native('int futimens(int fd, const uint8_t *times)'),
  utimensat: native('int utimensat(int directory, const uint8_t *path, const uint8_t *times, int flags)'),
  ftruncate: native('int ftruncate(int fd, long length)'),
  lseek: native('long lseek(int fd, long offset, int whence)'),
  syncfs: native('int syncfs(int fd)'),
  unshare: native('int unshare(int flags)'),
  umask: native('int umask(uint mask)'),
}

type Name = string

const scratch = Buffer.alloc(8192)

function z(name: Name): Buffer {
  if (name.length >= scratch.length) return Buffer.from(`${name}\0`, 'latin1')
  scratch.write(name, 'latin1')
  scratch[name.length] = 0
  return scratch
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY, O_NOATIME } = constants
const O_CLOEXEC = 0o2000000
const READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC

/** @returns a descriptor, or minus the errno */
export function openat(directory: number, name: Name, flags: number, mode = 0): number {
  const fd = c.openat()(directory, z(name), flags | O_CLOEXEC, mode)
  return fd >= 0 ? fd : -koffi.errno()
}

/**
 * For reading, without a trace in the access time where we may (owner or CAP_FOWNER), and never through a symlink.
 *
 * @returns a descriptor, or minus the errno
 */
export function openToRead(directory: number, name: Name, options: { directory: boolean }): number {
  const flags = options.directory ? READ | O_DIRECTORY : READ
  const fd = openat(directory, name, flags | O_NOATIME)
  return fd === -koffi.os.errno.EPERM! ? openat(directory, name, flags) : fd
}

export type Moment = [number, number]

export interface Stat {
  /** With the S_IF* type. */
  mode: number
  nlink: number
  uid: number
  gid: number
  size: number
  /** 512-byte blocks on disk. */
  blocks: number
  inode: string
  device: string
  atime: Moment
  mtime: Moment
  ctime: Moment
  major: number
  minor: number
}

const AT_SYMLINK_NOFOLLOW = 0x100
const AT_EMPTY_PATH = 0x1000
const statBuffer = Buffer.alloc(256)

/** Never follows a final symlink; an empty name is the descriptor itself. @returns undefined with errno ENOENT */
export function statat(directory: number, name: Name, shown: () => string): Stat | undefined {
  const flags = AT_SYMLINK_NOFOLLOW | (name === '' ? AT_EMPTY_PATH : 0)
  if (c.statx()(directory, z(name), flags, 0x7ff, statBuffer) < 0) {
    const errno = koffi.errno()
    if (errno === koffi.os.errno.ENOENT) return undefined
    throw errnoError(`stat ${shown()}`, errno)
  }
  const b = statBuffer
  return {
    mode: b.readUInt16LE(28),
    nlink: b.readUInt32LE(16),
    uid: b.readUInt32LE(20),
    gid: b.readUInt32LE(24),
    size: unsigned(b, 40),
    blocks: unsigned(b, 48),
    inode: b.readUInt32LE(36) === 0 ? String(b.readUInt32LE(32)) : String(b.readBigUInt64LE(32)),
    device: `${b.readUInt32LE(136)}:${b.readUInt32LE(140)}`,
    atime: moment(b, 64),
    ctime: moment(b, 96),
    mtime: moment(b, 112),
    major: b.readUInt32LE(128),
    minor: b.readUInt32LE(132),
  }
}

const again = Buffer.alloc(256)
/** Of statx(2): size, mtime, ctime. */
const MASK_CHANGES = 0x200 | 0x40 | 0x80

/** Whether an open file has neither been written nor changed otherwise since. */
export function isUnchanged(fd: number, stat: Stat, shown: () => string): boolean {
  if (c.statx()(fd, z(''), AT_EMPTY_PATH, MASK_CHANGES, again) < 0) throw errnoError(`stat ${shown()}`, koffi.errno())
  return (
    again.readUInt32LE(120) === stat.mtime[1] &&
    again.readUInt32LE(104) === stat.ctime[1] &&
    again.readUInt32LE(40) === stat.size >>> 0 &&
    unsigned(again, 40) === stat.size &&
    again.readUInt32LE(112) === stat.mtime[0] >>> 0 &&
    again.readUInt32LE(96) === stat.ctime[0] >>> 0
  )
}

function unsigned(b: Buffer, at: number): number {
  return b.readUInt32LE(at) + b.readUInt32LE(at + 4) * 2 ** 32
}

function moment(b: Buffer, at: number): Moment {
  return [b.readUInt32LE(at) + b.readInt32LE(at + 4) * 2 ** 32, b.readUInt32LE(at + 8)]
}

const DIRENTS = Buffer.alloc(64 * 1024)

export const DT_DIR = 4
export const DT_REG = 8
export const DT_UNKNOWN = 0

/** What is in an open directory, by names' bytes; the type is a DT_* of `dirent.h`. */
export function listDirectory(fd: number, shown: () => string): { name: Name; type: number }[] {
  const found: { name: Name; type: number }[] = []
  checked(Number(c.lseek()(fd, 0, 0)), 'read a directory')
  for (;;) {
    const length = Number(c.getdents()(fd, DIRENTS, DIRENTS.length))
    if (length < 0) {
      const errno = koffi.errno()
      // Removed while it is open: nothing is in it.
      if (errno === koffi.os.errno.ENOENT) break
      throw errnoError(`read directory ${shown()}`, errno)
    }
    if (length === 0) break
    for (let at = 0; at < length;) {
      const end = DIRENTS.indexOf(0, at + 19)
      const name = DIRENTS.toString('latin1', at + 19, end)
      if (name !== '.' && name !== '..') found.push({ name, type: DIRENTS[at + 18]! })
      at += DIRENTS.readUInt16LE(at + 16)
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

const list = Buffer.alloc(65536)
const NO_NAMES: Name[] = []

/** Names of extended attributes of an open file; none where the file system has none. */
export function listXattrsOf(fd: number, shown: () => string): Name[] {
  const length = Number(c.flistxattr()(fd, list, list.length))
  if (length === 0) return NO_NAMES
  if (length > 0) return list.toString('latin1', 0, length).split('\0').filter(Boolean)
  const errno = koffi.errno()
  if (errno === koffi.os.errno.EOPNOTSUPP) return NO_NAMES
  throw errnoError(`read attributes of ${shown()}`, errno)
}

/** @returns undefined when the attribute is absent */
export function getXattrOf(fd: number, name: Name, shown: () => string): Buffer | undefined {
  const length = Number(c.fgetxattr()(fd, z(name), list, list.length))
  if (length >= 0) return Buffer.from(list.subarray(0, length))
  const errno = koffi.errno()
  if (errno === koffi.os.errno.ENODATA || errno === koffi.os.errno.EOPNOTSUPP) return undefined
  throw errnoError(`read attribute ${name} of ${shown()}`, errno)
}

export function removeXattrOf(fd: number, name: Name): void {
  checked(c.fremovexattr()(fd, z(name)), `remove attribute ${name}`)
}

const times = new BigInt64Array(4)
const timesBytes = new Uint8Array(times.buffer)
/** Nanoseconds that mean: leave this time as it is (utimensat(2)). */
const UTIME_OMIT = 0x3ffffffen

function timespecs(atime: Moment | undefined, mtime: Moment): Uint8Array {
  times[0] = BigInt(atime?.[0] ?? 0)
  times[1] = atime ? BigInt(atime[1]) : UTIME_OMIT
  times[2] = BigInt(mtime[0])
  times[3] = BigInt(mtime[1])
  return timesBytes
}

export function setTimesOf(fd: number, atime: Moment | undefined, mtime: Moment, shown: () => string): void {
  const result = c.futimens()(fd, timespecs(atime, mtime))
  if (result < 0) throw errnoError(`set the times of ${shown()}`, koffi.errno())
}

/** Never follows a final symlink. */
export function setTimesAt(directory: number, name: Name, atime: Moment | undefined, mtime: Moment): void {
  checked(
    c.utimensat()(directory, z(name), timespecs(atime, mtime), AT_SYMLINK_NOFOLLOW),
    `set the times of ${Buffer.from(name, 'latin1').toString()}`,
  )
}

export function truncate(fd: number, length: number, shown: () => string): void {
  if (c.ftruncate()(fd, length) < 0) throw errnoError(`set the length of ${shown()}`, koffi.errno())
}

/** Writes all of a file system's dirty data, where fsync(2) for each file would wait for each. */
export function syncFilesystem(fd: number): void {
  checked(c.syncfs()(fd), 'write the file system out')
}

const CLONE_FS = 0x200

/** Modes are taken as given: the umask is the process's, so this thread leaves what its threads share (working directory, umask). */
export function ownUmask(): void {
  checked(c.unshare()(CLONE_FS), 'unshare the umask')
  c.umask()(0)
}

export interface Target {
  buffer: Buffer
  /** Where in the buffer, and how much. */
  at: number
  length: number
}

/** Reads from an offset of a file until all is there or the file ends; Node's call, which takes both offsets. @returns bytes read */
export function readFully(fd: number, target: Target, offset: number, shown: () => string): number {
  const { buffer, at, length } = target
  let done = 0
  try {
    while (done < length) {
      const got = readSync(fd, buffer, at + done, length - done, offset + done)
      if (got === 0) break
      done += got
    }
  } catch (error) {
    throw failed(`read ${shown()}`, error)
  }
  return done
}

/** Node's own words add nothing to the name of the errno. */
function failed(operation: string, error: unknown): unknown {
  const known = nodeError(operation, error)
  return known instanceof BerthError ? system(known.message, { details: known.details }) : known
}

export function writeFully(fd: number, buffer: Buffer, shown: () => string): void {
  try {
    for (let done = 0; done < buffer.length;) done += writeSync(fd, buffer, done, buffer.length - done, null)
  } catch (error) {
    throw failed(`write ${shown()}`, error)
  }
}

export function seek(fd: number, offset: number, shown: () => string): void {
  if (Number(c.lseek()(fd, offset, 0)) < 0) throw errnoError(`seek in ${shown()}`, koffi.errno())
}
