import { constants } from 'node:fs'
import { invalid } from '#lib/errors.ts'
import { toText } from '#codec/tar/index.ts'
import type { ByteString } from '#codec/tar/index.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'

const { O_DIRECTORY } = constants

/**
 * A directory that paths are resolved in as chroot(2) would: `..`, absolute symlinks and symlinks made meanwhile by
 * a running container stay inside. What was resolved is used through its descriptor, never by path again.
 */
export class Root {
  readonly fd: number
  /** The directory used last: archives name a directory's members one after the other. */
  #cached: { path: ByteString; fd: number } | undefined

  constructor(path: string) {
    this.fd = libc.open(path, at.O_PATH | O_DIRECTORY)
  }

  close(): void {
    this.forget()
    libc.close(this.fd)
  }

  /** Symlinks are followed, also a final one. The caller closes the descriptor. */
  open(path: ByteString, flags: number): number {
    return at.openat2(this.fd, path === '' ? '.' : path, flags, at.RESOLVE_IN_ROOT | at.RESOLVE_NO_MAGICLINKS)
  }

  /** A final symlink is opened itself (with O_PATH). */
  openNoFollow(path: ByteString, flags: number): number {
    return this.open(path, flags | constants.O_NOFOLLOW)
  }

  /**
   * Descriptor (O_PATH) of a directory, valid until the next call of this or `forget`.
   *
   * @param create called for each missing component that was made
   */
  directory(path: ByteString, create?: (parent: number, name: ByteString) => void): number {
    if (path === '') return this.fd
    if (this.#cached?.path === path) return this.#cached.fd
    this.forget()
    const fd = this.#openDirectory(path, create)
    this.#cached = { path, fd }
    return fd
  }

  /** Must be called when a directory is removed or replaced. */
  forget(): void {
    if (this.#cached) libc.close(this.#cached.fd)
    this.#cached = undefined
  }

  #openDirectory(path: ByteString, create?: (parent: number, name: ByteString) => void): number {
    try {
      return this.open(path, at.O_PATH | O_DIRECTORY)
    } catch (error) {
      if (!create || !hasErrno(error, 'ENOENT')) throw error
    }
    const { parent, base } = splitPath(path)
    const above = parent === '' ? this.fd : this.#openDirectory(parent, create)
    try {
      at.mkdirat(above, base, 0o755)
      create(above, base)
    } finally {
      if (above !== this.fd) libc.close(above)
    }
    return this.open(path, at.O_PATH | O_DIRECTORY)
  }
}

export function splitPath(path: ByteString): { parent: ByteString; base: ByteString } {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? { parent: '', base: path } : { parent: path.slice(0, slash), base: path.slice(slash + 1) }
}

/**
 * A member's name as a relative path without `.`, `..` and empty components; '' is the archive's root.
 *
 * @throws invalid when the name leads out of the archive
 */
export function cleanName(name: ByteString): ByteString {
  if (isClean(name)) return name
  const parts: ByteString[] = []
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) throw invalid(`archive member ${toText(name)} leads out of its root`)
  }
  return parts.join('/')
}

function isClean(name: ByteString): boolean {
  return name !== '' && !/^\/|^\.\.?(\/|$)|\/\.\.?(\/|$)|\/\/|\/$/.test(name)
}

/** A path inside a root as users write it (`..` never leads above the root), without leading slash. */
export function cleanPath(path: ByteString): ByteString {
  const parts: ByteString[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    // `..` is kept: the kernel resolves it after symlinks, which a lexical cut would get wrong.
    parts.push(part)
  }
  return parts.join('/')
}
