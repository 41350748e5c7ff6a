import koffi from 'koffi'
import { toText } from '#codec/tar/index.ts'
import type { ByteString } from '#codec/tar/index.ts'
import { errnoError, hasErrno } from '../ffi/errno.ts'
import { Descent } from './descent.ts'
import { DT_DIR, DT_UNKNOWN, listDirectory, openToRead } from './sys.ts'

interface Level {
  path: ByteString
  entries: { name: ByteString; type: number }[]
  next: number
}

export interface Found {
  /** Below the start. */
  path: ByteString
  name: ByteString
  /** DT_* of `dirent.h`, maybe DT_UNKNOWN. */
  type: number
  /** Descriptor of the directory that holds it, and of itself when it is a directory (else -1); valid until the next step. */
  parent: number
  fd: number
}

/**
 * Everything below an open directory: names by bytes, a directory before what is in it, symlinks never followed, what
 * vanishes meanwhile left out.
 */
export class Walk {
  readonly #descent: Descent
  readonly #levels: Level[] = []
  readonly #isDirectory: (parent: number, name: ByteString, path: ByteString) => boolean
  /** The directory that was handed out last: it is read when the next step is asked for. */
  #entered: ByteString | undefined = ''

  /**
   * @param root stays the caller's to close
   * @param isDirectory asked where the file system does not tell types with names
   */
  constructor(root: number, isDirectory: (parent: number, name: ByteString, path: ByteString) => boolean) {
    this.#isDirectory = isDirectory
    this.#descent = new Descent(root, (parent, name) => {
      const fd = openToRead(parent, name, { directory: true })
      if (fd < 0) throw errnoError(`open directory ${toText(name)}`, -fd)
      return fd
    })
  }

  next(): Found | undefined {
    if (this.#entered !== undefined) {
      const path = this.#entered
      this.#entered = undefined
      this.#levels.push({ path, entries: listDirectory(this.#descent.fd, () => toText(path)), next: 0 })
    }
    for (;;) {
      const level = this.#levels.at(-1)
      if (!level) return undefined
      const entry = level.entries[level.next++]
      if (!entry) {
        this.#levels.pop()
        this.#descent.pop()
        continue
      }
      const parent = this.#parent()
      if (parent === undefined) {
        level.next = level.entries.length
        continue
      }
      const path = level.path === '' ? entry.name : `${level.path}/${entry.name}`
      const found: Found = { path, name: entry.name, type: entry.type, parent, fd: -1 }
      const directory =
        entry.type === DT_DIR || (entry.type === DT_UNKNOWN && this.#isDirectory(parent, entry.name, path))
      if (!directory) return found
      const fd = openToRead(parent, entry.name, { directory: true })
      if (fd >= 0) {
        this.#descent.push(entry.name, fd)
        this.#entered = path
        found.fd = fd
        return found
      }
      if (!gone(-fd)) throw errnoError(`open directory ${toText(path)}`, -fd)
    }
  }

  /** Closes what is open, but the root. */
  close(): void {
    this.#descent.close()
  }

  /** @returns undefined when a directory on the way back is gone */
  #parent(): number | undefined {
    try {
      return this.#descent.fd
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
      throw error
    }
  }
}

export function gone(errno: number): boolean {
  const { ENOENT, ENOTDIR, ELOOP } = koffi.os.errno
  return errno === ENOENT || errno === ENOTDIR || errno === ELOOP
}
