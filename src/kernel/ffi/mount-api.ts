import { checked } from './errno.ts'
import { native, read } from './libc.ts'
import { close } from './libc.ts'
import { BerthError } from '#lib/errors.ts'

/**
 * The mount API of Linux 5.2 and later (fsopen(2), fsconfig(2), fsmount(2), open_tree(2), move_mount(2),
 * mount_setattr(2)). The numbers are the same on every architecture. Descriptors returned are close-on-exec and the
 * caller's to close.
 */
const c = {
  fsopen: native('long syscall(long number, const char *type, uint flags)'),
  fsconfig: native('long syscall(long number, int fd, uint command, const char *key, const char *value, int aux)'),
  fsmount: native('long syscall(long number, int fd, uint flags, uint attributes)'),
  moveMount: native('long syscall(long number, int from, const char *path, int to, const char *target, uint flags)'),
  openTree: native('long syscall(long number, int directory, const char *path, uint flags)'),
  mountSetattr: native(
    'long syscall(long number, int directory, const char *path, uint flags, const uint8_t *attributes, size_t size)',
  ),
  statx: native('int statx(int directory, const char *path, int flags, uint mask, _Out_ uint8_t *buffer)'),
}

const SYS_OPEN_TREE = 428
const SYS_MOVE_MOUNT = 429
const SYS_FSOPEN = 430
const SYS_FSCONFIG = 431
const SYS_FSMOUNT = 432
const SYS_MOUNT_SETATTR = 442

const AT_FDCWD = -100
const AT_EMPTY_PATH = 0x1000
const AT_RECURSIVE = 0x8000
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_NO_AUTOMOUNT = 0x800
const AT_STATX_DONT_SYNC = 0x4000
const CLOEXEC_FLAG = 1
const OPEN_TREE_CLONE = 1
const O_CLOEXEC = 0o2000000
const MOVE_MOUNT_F_EMPTY_PATH = 4
const FSCONFIG_SET_FLAG = 0
const FSCONFIG_SET_STRING = 1
const FSCONFIG_CMD_CREATE = 6
const STATX_ATTR_MOUNT_ROOT = 0x2000n
const STATX_TYPE = 1
const S_IFMT = 0o170000
const S_IFLNK = 0o120000

export const MOUNT_ATTR_RDONLY = 1
export const MOUNT_ATTR_IDMAP = 0x10_0000

/** @returns a file system context */
export function fsopen(type: string): number {
  return Number(checked(c.fsopen()(SYS_FSOPEN, type, CLOEXEC_FLAG), `open a ${type} file system context`))
}

/** One option; without a value it is a flag. The kernel refuses values over 255 bytes. */
export function fsconfigSet(context: number, key: string, value?: string): void {
  const command = value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING
  const result = c.fsconfig()(SYS_FSCONFIG, context, command, key, value ?? null, 0)
  explained(context, () => checked(result, `option ${value === undefined ? key : `${key}=${value}`}`))
}

export function fsconfigCreate(context: number): void {
  const result = c.fsconfig()(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, null, null, 0)
  explained(context, () => checked(result, 'create the file system'))
}

/** @returns a detached mount */
export function fsmount(context: number, attributes = 0): number {
  return Number(checked(c.fsmount()(SYS_FSMOUNT, context, CLOEXEC_FLAG, attributes), 'mount the file system'))
}

/** Attaches a detached mount at `target`. */
export function attachMount(mount: number, target: string): void {
  const result = c.moveMount()(SYS_MOVE_MOUNT, mount, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH)
  checked(result, `attach a mount at ${target}`)
}

/** A detached copy of the mount tree (or only its top) at `path`. */
export function cloneTree(path: string, recursive: boolean): number {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0)
  return Number(checked(c.openTree()(SYS_OPEN_TREE, AT_FDCWD, path, flags), `clone the mount of ${path}`))
}

/** As `cloneTree`, of what a descriptor (O_PATH) stands for. */
export function cloneTreeOf(fd: number, recursive: boolean): number {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0)
  return Number(checked(c.openTree()(SYS_OPEN_TREE, fd, '', flags), 'clone the mount of a descriptor'))
}

/**
 * @param change.propagation one of MS_PRIVATE, MS_SLAVE, MS_SHARED; 0 leaves it
 * @param change.userNamespace descriptor that MOUNT_ATTR_IDMAP goes by
 */
export function setMountAttributes(
  mount: number,
  change: { set?: number; clear?: number; propagation?: number; userNamespace?: number },
  recursive: boolean,
): void {
  const attributes = new BigUint64Array([
    BigInt(change.set ?? 0),
    BigInt(change.clear ?? 0),
    BigInt(change.propagation ?? 0),
    BigInt(change.userNamespace ?? 0),
  ])
  const bytes = new Uint8Array(attributes.buffer)
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0)
  checked(c.mountSetattr()(SYS_MOUNT_SETATTR, mount, '', flags, bytes, bytes.length), 'change mount attributes')
}

/**
 * Whether `path` is the root of a mount; asks neither the mount table (which grows with the containers) nor a file
 * server that may hang.
 *
 * @returns undefined when the kernel (before 5.8) cannot say
 */
export function isMountRoot(path: string): boolean | undefined {
  const buffer = Buffer.alloc(256)
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC
  checked(c.statx()(AT_FDCWD, path, flags, 0, buffer), `stat ${path}`)
  const known = buffer.readBigUInt64LE(56)
  if ((known & STATX_ATTR_MOUNT_ROOT) === 0n) return undefined
  return (buffer.readBigUInt64LE(8) & STATX_ATTR_MOUNT_ROOT) !== 0n
}

/** What is known of a name without asking the file system that it is the root of. @throws system for an absent one */
export function statLocally(path: string): { isMountRoot: boolean; isSymlink: boolean; anonymous: boolean } {
  const buffer = Buffer.alloc(256)
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC
  checked(c.statx()(AT_FDCWD, path, flags, STATX_TYPE, buffer), `stat ${path}`)
  return {
    // Kernels before 5.8 do not say: then every file system without a device counts.
    isMountRoot:
      (buffer.readBigUInt64LE(56) & STATX_ATTR_MOUNT_ROOT) === 0n ||
      (buffer.readBigUInt64LE(8) & STATX_ATTR_MOUNT_ROOT) !== 0n,
    isSymlink: (buffer.readUInt16LE(28) & S_IFMT) === S_IFLNK,
    /** On no block device. */
    anonymous: buffer.readUInt32LE(136) === 0,
  }
}

/** Adds the messages that the kernel queued on the context (`e overlay: …`) to an error. */
function explained(context: number, call: () => void): void {
  try {
    call()
  } catch (error) {
    if (!(error instanceof BerthError)) throw error
    const lines = kernelMessages(context)
    if (lines.length === 0) throw error
    throw new BerthError('system', `${error.message} (${lines.join('; ')})`, { cause: error, details: error.details })
  }
}

function kernelMessages(context: number): string[] {
  const lines: string[] = []
  const buffer = Buffer.alloc(1024)
  try {
    while (lines.length < 8) lines.push(buffer.toString('utf8', 2, read(context, buffer)).trim())
  } catch {
    // ENODATA: no more messages
  }
  return lines
}

/** Closes a descriptor that may be undefined; used in `finally`. */
export function closeQuietly(fd: number | undefined): void {
  if (fd === undefined) return
  try {
    close(fd)
  } catch {
    // nothing can be done about it
  }
}
