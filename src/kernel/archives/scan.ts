import { toText } from '#codec/tar/index.ts'
import type { ByteString } from '#codec/tar/index.ts'
import type { BackupEntry } from '#model/backup.ts'
import { errnoError, hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { kindOfMode } from '../files/kind.ts'
import { attributesAt, attributesOf } from './attributes.ts'
import { DT_DIR, DT_REG, openToRead, statat } from './sys.ts'
import type { Stat } from './sys.ts'
import { gone, Walk } from './walk.ts'
import type { Found } from './walk.ts'

/** What is done with each path of a tree; a promise is awaited before the next. */
export interface Visitor {
  /** Whether the file need not be opened: `entry` has all that is known without, and is completed then. */
  known?(entry: BackupEntry, stat: Stat): boolean
  /** Reads the content: gives the entry its size, times, digest and holes. */
  file(fd: number, entry: BackupEntry, stat: Stat): Promise<void> | undefined
  /** Every other entry. */
  other(entry: BackupEntry): Promise<void> | undefined
}

/**
 * Visits everything of a tree in the order of an archive, the root first.
 *
 * @param check called before each path: throws to end it
 */
export async function scan(path: string, volume: number, visitor: Visitor, check: () => void): Promise<void> {
  const root = openToRead(at.AT_FDCWD, Buffer.from(path).toString('latin1'), { directory: true })
  if (root < 0) throw errnoError(`open directory ${path}`, -root)
  try {
    await scanOpen(root, volume, visitor, check)
  } finally {
    libc.close(root)
  }
}

async function scanOpen(root: number, volume: number, visitor: Visitor, check: () => void): Promise<void> {
  const links = new Map<string, ByteString>()
  const top = statat(root, '', () => '.')!
  await visitor.other({ ...entryOf('directory', volume, '', top), ...withXattrs(attributesOf(root, () => '.')) })
  const walk = new Walk(root, (parent, name, path) => {
    const stat = statat(parent, name, () => toText(path))
    return stat !== undefined && (stat.mode & at.S_IFMT) === at.S_IFDIR
  })
  try {
    for (let found = walk.next(); found; found = walk.next()) {
      check()
      const wait = visit(found, volume, visitor, links)
      if (wait) await wait
    }
  } finally {
    walk.close()
  }
}

function visit(
  found: Found,
  volume: number,
  visitor: Visitor,
  links: Map<string, ByteString>,
): Promise<void> | undefined {
  const { path, name, parent, fd } = found
  const shown = () => toText(path)
  if (found.type === DT_DIR || fd >= 0) {
    const stat = statat(fd, '', shown)
    if (!stat) return undefined
    return visitor.other({ ...entryOf('directory', volume, path, stat), ...withXattrs(attributesOf(fd, shown)) })
  }
  if (found.type === DT_REG && !visitor.known) return visitFile(found, volume, visitor, links)
  const stat = statat(parent, name, shown)
  if (!stat) return undefined
  const type = kindOfMode(stat.mode)
  if (type === 'file') return visitFile(found, volume, visitor, links, stat)
  if (!type || type === 'directory') return undefined
  const entry = entryOf(type, volume, path, stat)
  const first = firstName(links, stat, path)
  if (first !== undefined) return visitor.other(linkOf(entry, first))
  try {
    const xattrs = withXattrs(attributesAt(parent, name))
    if (type === 'symlink') entry.link = at.readlinkat(parent, name)
    return visitor.other({ ...entry, ...xattrs })
  } catch (error) {
    // Replaced by something else meanwhile.
    if (hasErrno(error, 'ENOENT', 'EINVAL')) return undefined
    throw error
  }
}

function visitFile(
  found: Found,
  volume: number,
  visitor: Visitor,
  links: Map<string, ByteString>,
  known?: Stat,
): Promise<void> | undefined {
  const { path, name, parent } = found
  const shown = () => toText(path)
  if (known) {
    const first = links.get(linkKey(known))
    if (first !== undefined) return visitor.other(linkOf(entryOf('file', volume, path, known), first))
    if (visitor.known?.(entryOf('file', volume, path, known), known)) {
      firstName(links, known, path)
      return undefined
    }
  }
  const fd = openToRead(parent, name, { directory: false })
  if (fd < 0) {
    if (gone(-fd) || hasErrno(errnoError('', -fd), 'ENXIO')) return undefined
    throw errnoError(`open ${shown()}`, -fd)
  }
  let waiting: Promise<void> | undefined
  try {
    const stat = statat(fd, '', shown)!
    if (kindOfMode(stat.mode) !== 'file') return undefined
    const entry = entryOf('file', volume, path, stat)
    const first = firstName(links, stat, path)
    if (first !== undefined) return visitor.other(linkOf(entry, first))
    const xattrs = attributesOf(fd, shown)
    if (xattrs) entry.xattrs = xattrs
    waiting = visitor.file(fd, entry, stat)
    return waiting?.finally(() => libc.close(fd))
  } finally {
    if (!waiting) libc.close(fd)
  }
}

/** The path that this inode came with before; undefined when this is the first, which is remembered. */
function firstName(links: Map<string, ByteString>, stat: Stat, path: ByteString): ByteString | undefined {
  if (stat.nlink < 2) return undefined
  const key = linkKey(stat)
  const first = links.get(key)
  if (first === undefined) links.set(key, path)
  return first
}

function linkKey(stat: Stat): string {
  return stat.nlink < 2 ? '' : `${stat.device}:${stat.inode}`
}

/** Of a further name of an inode; the first one has the rest. */
function linkOf(entry: BackupEntry, first: ByteString): BackupEntry {
  const { device: _, ...rest } = entry
  return { ...rest, type: 'link', link: first, size: 0 }
}

function entryOf(type: BackupEntry['type'], volume: number, path: ByteString, stat: Stat): BackupEntry {
  const { uid, gid, mtime } = stat
  const size = type === 'file' ? stat.size : 0
  const entry: BackupEntry = { volume, path, type, mode: stat.mode & 0o7777, uid, gid, size, mtime }
  // Reading a symlink changes its time, and there is no way not to.
  if (type !== 'symlink') entry.atime = stat.atime
  if (type === 'block' || type === 'char') entry.device = [stat.major, stat.minor]
  return entry
}

function withXattrs(xattrs: Record<string, string> | undefined): { xattrs?: Record<string, string> } {
  return xattrs ? { xattrs } : {}
}
