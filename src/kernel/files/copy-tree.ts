import { constants, ftruncateSync, mkdirSync, readSync, renameSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { ByteString } from '#codec/tar/index.ts'
import { fromText } from '#codec/tar/index.ts'
import type { CopiedTree } from '#ports/files.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import type { Stat } from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { inSlices } from './slices.ts'
import { namesIn, openDirectory } from './walk.ts'

/** Yields between files, and the promises of what is copied on pool threads: for `inSlices`. */
export type Copying = Generator<void | Promise<number>, void, unknown>

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
/** Bytes copied by one call. */
const STEP = 8 << 20
const SMALL = 64 << 10

/** A directory onto a directory that is there or not, or a file to a name. */
export async function copyTree(from: string, to: string, copy = new Copy()): Promise<CopiedTree> {
  const stat = at.statat(at.AT_FDCWD, fromText(from))
  const directory = (stat.mode & at.S_IFMT) === at.S_IFDIR
  mkdirSync(directory ? to : dirname(to), { recursive: true })
  const source = libc.open(directory ? from : dirname(from), DIRECTORY)
  try {
    const target = libc.open(directory ? to : dirname(to), DIRECTORY)
    try {
      if (directory) await inSlices(copyDirectory(source, target, copy))
      else {
        await inSlices(copyNode(source, target, fromText(basename(from)), stat, copy))
        if (basename(from) !== basename(to)) renameSync(join(dirname(to), basename(from)), to)
      }
    } finally {
      libc.close(target)
    }
  } finally {
    libc.close(source)
  }
  return { files: copy.files, bytes: copy.bytes, shared: copy.reflinks === true }
}

/** One run of copying: what it has met, and what it has done. */
export class Copy {
  readonly links = new Map<string, { directory: ByteString; name: ByteString }>()
  files = 0
  /** Of content, holes left out. */
  bytes = 0
  /** Whether whole files can share their blocks (FICLONE): known once one has been tried. */
  reflinks: boolean | undefined
}

/**
 * Copies what is in one open directory into another, then that directory's own owner, mode, times and attributes.
 * Holes stay holes, hard links stay links, blocks are shared where the file system can. Names that exist already in
 * the target are an error (EEXIST), except directories, which are merged.
 */
export function* copyDirectory(from: number, to: number, copy = new Copy(), path: ByteString = '', top = to): Copying {
  for (const name of namesIn(from)) {
    const stat = at.statat(from, name)
    const first = stat.nlink > 1 ? copy.links.get(stat.id) : undefined
    copy.files++
    if (first) {
      at.linkat(top, first.directory + first.name, to, name)
      continue
    }
    if ((stat.mode & at.S_IFMT) === at.S_IFDIR) yield* copySubdirectory(from, to, name, copy, path, top)
    else {
      yield* copyNode(from, to, name, stat, copy)
      if (stat.nlink > 1) copy.links.set(stat.id, { directory: path, name })
    }
    yield
  }
  const self = at.statat(from, '')
  at.fchown(to, self.uid, self.gid)
  copyXattrs(at.through(from, '.'), at.through(to, '.'))
  at.fchmod(to, self.mode & 0o7777)
  at.futime(to, self.mtime)
}

function* copySubdirectory(
  from: number,
  to: number,
  name: ByteString,
  copy: Copy,
  path: ByteString,
  top: number,
): Copying {
  try {
    at.mkdirat(to, name, 0o700)
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error
  }
  const source = openDirectory(from, name)
  const target = openDirectory(to, name)
  try {
    if (source !== undefined && target !== undefined) yield* copyDirectory(source, target, copy, `${path}${name}/`, top)
  } finally {
    if (source !== undefined) libc.close(source)
    if (target !== undefined) libc.close(target)
  }
}

/** One name that is no directory, with everything that belongs to it. */
export function* copyNode(from: number, to: number, name: ByteString, stat: Stat, copy = new Copy()): Copying {
  const kind = stat.mode & at.S_IFMT
  if (kind === at.S_IFREG) return yield* copyFile(from, to, name, stat, copy)
  if (kind === at.S_IFLNK) at.symlinkat(at.readlinkat(from, name), to, name)
  else at.mknodat(to, name, kind | (stat.mode & 0o7777), stat.major, stat.minor)
  at.chownat(to, name, stat.uid, stat.gid)
  copyXattrs(at.through(from, name), at.through(to, name))
  if (kind !== at.S_IFLNK) at.chmodat(to, name, stat.mode & 0o7777)
  at.utimeat(to, name, stat.mtime)
}

function* copyFile(from: number, to: number, name: ByteString, stat: Stat, copy: Copy): Copying {
  const source = at.openat(from, name, constants.O_RDONLY | constants.O_NOFOLLOW)
  let target: number | undefined
  try {
    target = at.openat(to, name, CREATE, 0o600)
    if (!reflink(source, target, stat, copy)) {
      if (isSmall(stat)) copy.bytes += copyByHand(source, target, 0, stat.size)
      else yield* copyData(source, target, stat.size, copy)
    }
    at.fchown(target, stat.uid, stat.gid)
    if (at.mayHaveXattrs(source)) copyXattrs(at.through(from, name), at.through(to, name))
    at.fchmod(target, stat.mode & 0o7777)
    at.futime(target, stat.mtime)
  } finally {
    libc.close(source)
    if (target !== undefined) libc.close(target)
  }
}

/**
 * The whole file at once, its holes too. Only the first answer counts as the file system's: one that can may still refuse
 * a single file (its blocks are shared too often, it is a swap file).
 */
function reflink(source: number, target: number, stat: Stat, copy: Copy): boolean {
  if (copy.reflinks === false || stat.size === 0) return false
  try {
    at.ficlone(source, target)
    copy.reflinks = true
    copy.bytes += stat.blocks * 512
    return true
  } catch (error) {
    if (!hasErrno(error, 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOTTY', 'EPERM', 'ETXTBSY', 'EMLINK', 'ENOSYS')) throw error
    copy.reflinks ??= false
    return false
  }
}

/** One piece without a hole. */
function isSmall({ size, blocks }: Stat): boolean {
  return size <= SMALL && blocks * 512 >= size
}

function* copyData(source: number, target: number, size: number, copy: Copy): Copying {
  for (let offset = 0; offset < size;) {
    const data = at.nextData(source, offset)
    if (!data) break
    offset = data.start
    while (offset < data.end) {
      const length = Math.min(STEP, data.end - offset)
      // A small piece is there sooner than a thread for it.
      const copied =
        length <= SMALL
          ? copyByHand(source, target, offset, length)
          : ((yield copyPooled(source, target, offset, length)) as number)
      if (copied === 0) return
      offset += copied
      copy.bytes += copied
    }
  }
  ftruncateSync(target, size)
}

/** Between some file systems the kernel does not copy by itself. */
async function copyPooled(source: number, target: number, offset: number, size: number): Promise<number> {
  try {
    return await at.copyRange(source, target, offset, size)
  } catch (error) {
    if (!hasErrno(error, 'EXDEV', 'EINVAL', 'EOPNOTSUPP', 'ENOSYS')) throw error
  }
  return copyByHand(source, target, offset, Math.min(size, 1 << 20))
}

function copyByHand(source: number, target: number, offset: number, size: number): number {
  if (size === 0) return 0
  const buffer = Buffer.allocUnsafe(size)
  const read = readSync(source, buffer, 0, size, offset)
  let written = 0
  while (written < read) written += writeSync(target, buffer, written, read - written, offset + written)
  return read
}

export function copyXattrs(from: ByteString, to: ByteString): void {
  for (const name of at.listXattrs(from)) {
    if (/^(trusted|user)\.overlay\./.test(name)) continue
    const value = at.getXattr(from, name)
    try {
      if (value) at.setXattr(to, name, value)
    } catch (error) {
      if (!hasErrno(error, 'EOPNOTSUPP', 'EPERM', 'EINVAL')) throw error
    }
  }
}
