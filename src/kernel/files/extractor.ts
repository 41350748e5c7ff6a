import { constants, write } from 'node:fs'
import { invalid, system } from '#lib/errors.ts'
import { parseWhiteout, toText } from '#codec/tar/index.ts'
import type { ByteString, TarEntry, TarHandler } from '#codec/tar/index.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import type { Stat } from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { removeTree } from './remove-tree.ts'
import { cleanName, Root, splitPath } from './root.ts'

export interface ExtractRules {
  /**
   * What `.wh.` members become: overlayfs's own marks, nothing (a layer without one below it), or ordinary files
   * (an archive that is no layer).
   */
  whiteouts: 'overlay' | 'drop' | 'plain'
  /** A directory never replaces another kind of file, nor the other way round (API: `noOverwriteDirNonDir`). */
  noOverwriteDirNonDir?: boolean
  /** Everything belongs to this owner instead of the archive's. */
  chown?: { uid: number; gid: number }
  /** Where in the root the archive is unpacked, without leading slash; '' or absent is the root itself. */
  base?: ByteString
  /** Attributes of the archive's own root (`./`) are taken over. */
  root: boolean
}

const FILE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
/** Bytes from which on a file's content goes through the pool: below, the trip costs more than the write. */
const LARGE = 256 * 1024
const OPAQUE = 'trusted.overlay.opaque'

/** Writes the members of an archive below a root. Nothing outside is touched, whatever names and links it holds. */
export class Extractor implements TarHandler {
  readonly #root: Root
  readonly #rules: ExtractRules
  #file: { fd: number; entry: TarEntry } | undefined
  /** Content of a large file that `drain` has not yet written. */
  #waiting: Buffer[] = []
  /** Times of directories are set last: each member made in them changes them. */
  readonly #directoryTimes = new Map<ByteString, at.Time>()

  constructor(root: Root, rules: ExtractRules) {
    this.#root = root
    this.#rules = rules
  }

  entry(entry: TarEntry): void {
    const inside = cleanName(entry.name)
    if (inside === '') return this.#rootEntry(entry)
    const path = this.#placed(inside)
    const { parent, base } = splitPath(path)
    const directory = this.#root.directory(parent, (above, name) => this.#madeParent(above, name))
    if (this.#rules.whiteouts !== 'plain') {
      const whiteout = parseWhiteout(base)
      if (whiteout?.kind === 'delete') return this.#deleted(directory, whiteout.name)
      if (whiteout?.kind === 'opaque') return this.#opaque(at.through(directory, '.'))
      if (whiteout) return
    }
    try {
      this.#make(directory, base, path, entry)
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error
      const room = this.#makeRoom(directory, base, entry)
      const again = this.#root.directory(parent)
      if (room === 'merge') this.#finishDirectory(again, base, path, entry)
      else this.#make(again, base, path, entry)
    }
  }

  data(chunk: Buffer): void {
    if (this.inLargeFile) this.#waiting.push(chunk)
    else this.#write(chunk)
  }

  /** Whether the content that comes next is much of one file. */
  get inLargeFile(): boolean {
    return this.#file !== undefined && this.#file.entry.size > LARGE
  }

  /**
   * Writes what waits of a large file on a pool thread: where much is written, the kernel makes writers wait for the
   * disk. Must be awaited after each push.
   */
  async drain(): Promise<void> {
    const waiting = this.#waiting
    if (!this.#file || waiting.length === 0) return
    this.#waiting = []
    for (const chunk of waiting) {
      for (let written = 0; written < chunk.length;)
        written += await writePooled(this.#file.fd, chunk.subarray(written))
    }
  }

  end(): void {
    if (!this.#file) return
    for (const chunk of this.#waiting) this.#write(chunk)
    this.#waiting = []
    const { fd, entry } = this.#file
    this.#file = undefined
    try {
      const { uid, gid } = this.#rules.chown ?? entry
      // chown(2) clears setuid bits and capabilities, so it comes first.
      at.fchown(fd, uid, gid)
      for (const [name, value] of entry.xattrs ?? []) setAttribute(name, () => at.setXattrOf(fd, name, value))
      at.fchmod(fd, entry.mode)
      at.futime(fd, entry.mtime)
    } finally {
      libc.close(fd)
    }
  }

  /** After the last member. */
  finish(): void {
    for (const [path, time] of Array.from(this.#directoryTimes).reverse()) {
      try {
        const fd = this.#root.openNoFollow(path, constants.O_RDONLY | constants.O_DIRECTORY)
        at.futime(fd, time)
        libc.close(fd)
      } catch (error) {
        if (!hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error
      }
    }
  }

  /** After a failure. */
  abort(): void {
    if (this.#file) libc.close(this.#file.fd)
    this.#file = undefined
  }

  #write(chunk: Buffer): void {
    for (let written = 0; this.#file && written < chunk.length;)
      written += libc.write(this.#file.fd, chunk.subarray(written))
  }

  #placed(name: ByteString): ByteString {
    return this.#rules.base ? `${this.#rules.base}/${name}` : name
  }

  #rootEntry(entry: TarEntry): void {
    if (!this.#rules.root || entry.type !== 'directory') return
    const { uid, gid } = this.#rules.chown ?? entry
    at.chownat(this.#root.fd, '.', uid, gid)
    this.#attributes(at.through(this.#root.fd, '.'), entry)
    at.chmodat(this.#root.fd, '.', entry.mode)
    this.#directoryTimes.set('', entry.mtime)
  }

  #make(directory: number, base: ByteString, path: ByteString, entry: TarEntry): void {
    switch (entry.type) {
      case 'file':
        this.#file = { fd: at.openat(directory, base, FILE_FLAGS, 0o600), entry }
        return
      case 'directory':
        at.mkdirat(directory, base, 0o700)
        return this.#finishDirectory(directory, base, path, entry)
      case 'link':
        return this.#link(directory, base, entry)
      case 'symlink':
        at.symlinkat(entry.linkName, directory, base)
        return this.#finishNode(directory, base, entry)
      case 'fifo':
        at.mknodat(directory, base, at.S_IFIFO | entry.mode)
        return this.#finishNode(directory, base, entry)
      case 'char':
      case 'block': {
        const kind = entry.type === 'char' ? at.S_IFCHR : at.S_IFBLK
        at.mknodat(directory, base, kind | entry.mode, entry.major, entry.minor)
        return this.#finishNode(directory, base, entry)
      }
    }
  }

  #link(directory: number, base: ByteString, entry: TarEntry): void {
    const name = cleanName(entry.linkName)
    if (name === '') throw invalid(`archive member ${toText(entry.name)} is a hard link to the root`)
    const target = splitPath(this.#placed(name))
    const from = this.#root.open(target.parent, at.O_PATH | constants.O_DIRECTORY)
    try {
      at.linkat(from, target.base, directory, base)
    } finally {
      libc.close(from)
    }
  }

  #finishDirectory(directory: number, base: ByteString, path: ByteString, entry: TarEntry): void {
    const { uid, gid } = this.#rules.chown ?? entry
    at.chownat(directory, base, uid, gid)
    this.#attributes(at.through(directory, base), entry)
    // Opened without following, as a container may swap the directory for a symlink meanwhile.
    const fd = at.openat(directory, base, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      at.fchmod(fd, entry.mode)
    } finally {
      libc.close(fd)
    }
    this.#directoryTimes.set(path, entry.mtime)
  }

  #finishNode(directory: number, base: ByteString, entry: TarEntry): void {
    const { uid, gid } = this.#rules.chown ?? entry
    at.chownat(directory, base, uid, gid)
    this.#attributes(at.through(directory, base), entry)
    if (entry.type !== 'symlink') setMode(directory, base, entry.mode)
    at.utimeat(directory, base, entry.mtime)
  }

  #attributes(path: ByteString, entry: TarEntry): void {
    for (const [name, value] of entry.xattrs ?? []) setAttribute(name, () => at.setXattr(path, name, value))
  }

  #madeParent(above: number, name: ByteString): void {
    if (this.#rules.chown) at.chownat(above, name, this.#rules.chown.uid, this.#rules.chown.gid)
  }

  /** @returns merge when both are directories, else the place is free now */
  #makeRoom(directory: number, base: ByteString, entry: TarEntry): 'merge' | 'free' {
    const there = at.statat(directory, base)
    const isDirectory = (there.mode & at.S_IFMT) === at.S_IFDIR
    if (isDirectory && entry.type === 'directory') return 'merge'
    if (this.#rules.noOverwriteDirNonDir && isDirectory !== (entry.type === 'directory')) {
      const [have, want] = isDirectory ? ['directory', 'non-directory'] : ['non-directory', 'directory']
      throw invalid(`cannot overwrite ${have} "${toText(base)}" with ${want} "${toText(entry.name)}"`)
    }
    this.#root.forget()
    const parent = this.#root.directory(splitPath(this.#placed(cleanName(entry.name))).parent)
    for (const _ of removeTree(parent, base));
    if (this.#rules.whiteouts === 'overlay' && isWhiteout(there) && entry.type === 'directory') {
      // Deleted below and made anew here, in one layer: nothing of the old directory may show through.
      at.mkdirat(parent, base, 0o700)
      this.#opaque(at.through(parent, base))
      return 'merge'
    }
    return 'free'
  }

  #deleted(directory: number, name: ByteString): void {
    if (this.#rules.whiteouts === 'drop' || name === '' || name === '.' || name === '..') return
    try {
      at.mknodat(directory, name, at.S_IFCHR, 0, 0)
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error
      // This layer has the name too, and a whiteout speaks of the layers below only.
      const there = at.statat(directory, name)
      if ((there.mode & at.S_IFMT) === at.S_IFDIR) this.#opaque(at.through(directory, name))
    }
  }

  #opaque(path: ByteString): void {
    if (this.#rules.whiteouts === 'overlay') at.setXattr(path, OPAQUE, Buffer.from('y'))
  }
}

/**
 * mknod(2) applies the umask. There is no chmod(2) that does not follow symlinks before Linux 6.6, and a container may
 * put a symlink in the node's place meanwhile: so through a descriptor of what is there.
 */
function setMode(directory: number, base: ByteString, mode: number): void {
  const fd = at.openat(directory, base, at.O_PATH | constants.O_NOFOLLOW)
  try {
    if ((at.statat(fd, '').mode & at.S_IFMT) !== at.S_IFLNK) at.chmodat(at.AT_FDCWD, `/proc/self/fd/${fd}`, mode)
  } finally {
    libc.close(fd)
  }
}

function writePooled(fd: number, chunk: Buffer): Promise<number> {
  return new Promise((resolve, reject) =>
    write(fd, chunk, (error, written) => (error ? reject(explained(error)) : resolve(written))),
  )
}

/** Node's errors carry the name of their errno too; the rest of the kernel's are BerthErrors. */
function explained(error: NodeJS.ErrnoException): Error {
  const words = error.code === 'ENOSPC' ? 'no space left on device' : error.message
  return system(`write a file: ${words}`, { cause: error, details: { errno: error.code } })
}

export function isWhiteout(stat: Stat): boolean {
  return (stat.mode & at.S_IFMT) === at.S_IFCHR && stat.major === 0 && stat.minor === 0
}

/**
 * Capabilities must arrive; labels of a security module that this host has not, or attributes that the file system
 * does not store, are left out as tar(1) does. overlayfs's own attributes never come from an archive.
 */
function setAttribute(name: ByteString, set: () => void): void {
  if (/^(trusted|user)\.overlay\./.test(name)) return
  try {
    set()
  } catch (error) {
    if (hasErrno(error, 'EOPNOTSUPP')) return
    if (name !== 'security.capability' && hasErrno(error, 'EPERM', 'EINVAL')) return
    throw error
  }
}
