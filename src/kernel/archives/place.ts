import { constants } from 'node:fs'
import { BerthError, invalid, system } from '#lib/errors.ts'
import { toText } from '#codec/tar/index.ts'
import type { ByteString } from '#codec/tar/index.ts'
import type { BackupEntry } from '#model/backup.ts'
import { errnoError, hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { removeTree } from '../files/remove-tree.ts'
import { isKept } from './attributes.ts'
import { Descent } from './descent.ts'
import { listXattrsOf, openat, openToRead, removeXattrOf, setTimesAt, setTimesOf } from './sys.ts'

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
/** Directories above a member that another program's archive may leave out. */
const DEPTH_MAX = 4096
const NEW_FILE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW

/** A directory that a volume is unpacked into. Nothing outside of it is touched: each step is from a descriptor, symlinks are never followed. */
export class Place {
  readonly path: string
  readonly root: number
  /** Where members are made, and where the first names of hard links are. */
  readonly #way: Way
  readonly #linkWay: Way

  constructor(path: string) {
    this.path = path
    this.root = openToRead(at.AT_FDCWD, Buffer.from(path).toString('latin1'), { directory: true })
    if (this.root < 0) throw errnoError(`open directory ${path}`, -this.root)
    this.#way = new Way(this.root)
    this.#linkWay = new Way(this.root)
    this.strip(this.root)
  }

  close(): void {
    this.#way.close()
    this.#linkWay.close()
    libc.close(this.root)
  }

  /** Descriptor of the directory that holds a path; valid until the next call. */
  parentOf(path: ByteString): number {
    return this.#way.to(path.slice(0, Math.max(0, path.lastIndexOf('/'))))
  }

  /** Missing directories above a path are made, as tar(1) does. @throws invalid when they are absurdly many */
  makeParents(path: ByteString): void {
    const parts = path.split('/').slice(0, -1)
    if (parts.length > DEPTH_MAX) throw invalid(`archive member ${toText(path).slice(0, 100)}… lies too deep`)
    try {
      this.parentOf(path)
      return
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error
    }
    for (let i = 0; i < parts.length; i++) {
      const parent = this.#way.to(parts.slice(0, i).join('/'))
      try {
        at.mkdirat(parent, parts[i]!, 0o755)
      } catch (error) {
        if (!hasErrno(error, 'EEXIST')) throw error
      }
    }
  }

  /** @returns a descriptor for writing */
  makeFile(entry: BackupEntry): number {
    const name = baseOf(entry.path)
    const fd = openat(this.parentOf(entry.path), name, NEW_FILE, entry.mode)
    if (fd >= 0) return fd
    if (!hasErrno(errnoError('', -fd), 'EEXIST')) throw errnoError(`make file ${toText(entry.path)}`, -fd)
    this.remove(entry.path)
    const again = openat(this.parentOf(entry.path), name, NEW_FILE, entry.mode)
    if (again < 0) throw errnoError(`make file ${toText(entry.path)}`, -again)
    return again
  }

  /** Owner, attributes, mode and times come last (`finishDirectory`): what is made in it must not inherit them. */
  makeDirectory(path: ByteString): void {
    if (path === '') return
    const name = baseOf(path)
    try {
      at.mkdirat(this.parentOf(path), name, 0o700)
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error
      const fd = openToRead(this.parentOf(path), name, { directory: true })
      if (fd >= 0) {
        this.strip(fd)
        libc.close(fd)
        return
      }
      this.remove(path)
      at.mkdirat(this.parentOf(path), name, 0o700)
    }
  }

  /** Symlinks, devices, pipes, sockets. */
  makeNode(entry: BackupEntry): void {
    const name = baseOf(entry.path)
    this.#anew(entry.path, parent => {
      if (entry.type === 'symlink') at.symlinkat(entry.link!, parent, name)
      else at.mknodat(parent, name, entry.mode | NODES[entry.type]!, ...(entry.device ?? [0, 0]))
    })
    const parent = this.parentOf(entry.path)
    at.chownat(parent, name, entry.uid, entry.gid)
    for (const [attribute, value] of Object.entries(entry.xattrs ?? {}))
      at.setXattr(at.through(parent, name), attribute, Buffer.from(value, 'base64'))
    // chown(2) takes the bits above the permissions away. The name is ours: it was just made.
    if (entry.type !== 'symlink') at.chmodat(parent, name, entry.mode)
    setTimesAt(parent, name, entry.atime, entry.mtime)
  }

  /** A further name of what has the path `first`. */
  makeLink(entry: BackupEntry): void {
    const first = entry.link!
    const from = this.#linkWay.to(first.slice(0, Math.max(0, first.lastIndexOf('/'))))
    this.#anew(entry.path, parent => at.linkat(from, baseOf(first), parent, baseOf(entry.path)))
  }

  #anew(path: ByteString, make: (parent: number) => void): void {
    try {
      make(this.parentOf(path))
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error
      this.remove(path)
      make(this.parentOf(path))
    }
  }

  /** Calls `use` with a directory's descriptor; not when it is none (any more). */
  withDirectory(path: ByteString, use: (fd: number) => void): void {
    const fd = path === '' ? this.root : openToRead(this.parentOf(path), baseOf(path), { directory: true })
    if (fd < 0) return
    try {
      use(fd)
    } finally {
      if (fd !== this.root) libc.close(fd)
    }
  }

  /** With all that is below. */
  remove(path: ByteString): void {
    const name = baseOf(path)
    for (const _ of removeTree(this.parentOf(path), name));
    this.#way.forget(path)
    this.#linkWay.forget(path)
  }

  /** What a directory's members would inherit. */
  strip(fd: number): void {
    const stat = at.statat(fd, '')
    if ((stat.mode & 0o2000) !== 0) at.fchmod(fd, stat.mode & 0o5777)
    for (const name of listXattrsOf(fd, () => this.path))
      if (name.startsWith('system.posix_acl_')) removeXattrOf(fd, name)
  }
}

/** Gives an open file or directory what its entry says. Attributes that it has beside those go. */
export function finish(fd: number, entry: BackupEntry, options: { fresh: boolean }): void {
  const shown = () => toText(entry.path) || '.'
  // chown(2) takes setuid bits and capabilities away, so it comes first.
  at.fchown(fd, entry.uid, entry.gid)
  if (!options.fresh) {
    for (const name of listXattrsOf(fd, shown)) if (isKept(name) && !entry.xattrs?.[name]) removeXattrOf(fd, name)
  }
  setXattrs(fd, entry)
  at.fchmod(fd, entry.mode)
  setTimesOf(fd, entry.atime, entry.mtime, shown)
}

export function setXattrs(fd: number, entry: BackupEntry): void {
  for (const [name, value] of Object.entries(entry.xattrs ?? {})) {
    try {
      at.setXattrOf(fd, name, Buffer.from(value, 'base64'))
    } catch (error) {
      throw named(toText(entry.path), error)
    }
  }
}

function named(path: string, error: unknown): Error {
  const cannot = hasErrno(error, 'EOPNOTSUPP')
  const words = cannot ? `restore ${path}: the file system here holds no such attributes` : `restore ${path}`
  return system(words, { cause: error, details: error instanceof BerthError ? error.details : {} })
}

const NODES: Partial<Record<BackupEntry['type'], number>> = {
  fifo: at.S_IFIFO,
  socket: at.S_IFSOCK,
  char: at.S_IFCHR,
  block: at.S_IFBLK,
}

export function baseOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Goes from one directory to the next: members of one are named one after the other. */
class Way {
  readonly #descent: Descent
  #path: ByteString = ''
  #parts: ByteString[] = []

  constructor(root: number) {
    this.#descent = new Descent(root, (parent, name) => {
      const fd = openToRead(parent, name, { directory: true })
      if (fd < 0) throw errnoError(`open directory ${toText(name)}`, -fd)
      return fd
    })
  }

  to(path: ByteString): number {
    if (path !== this.#path) {
      const parts = path === '' ? [] : path.split('/')
      let common = 0
      while (common < parts.length && parts[common] === this.#parts[common]) common++
      this.#up(common)
      for (const part of parts.slice(common)) {
        this.#descent.push(part)
        this.#parts.push(part)
      }
      this.#path = path
    }
    return this.#descent.fd
  }

  /** A directory was removed. */
  forget(path: ByteString): void {
    if (this.#path === path || this.#path.startsWith(`${path}/`)) this.close()
  }

  close(): void {
    this.#up(0)
    this.#path = ''
  }

  #up(depth: number): void {
    while (this.#parts.length > depth) {
      this.#parts.pop()
      this.#descent.pop()
    }
    this.#path = this.#parts.join('/')
  }
}
