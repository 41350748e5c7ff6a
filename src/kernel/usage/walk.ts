import { constants, lstatSync } from 'node:fs'
import type { TreeSize } from '#ports/usage.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as libc from '../ffi/libc.ts'
import type { Calls } from './calls.ts'

/** Descriptors that one walk keeps open, however deep a tree is. */
const OPEN = 64

/** Offsets in `struct linux_dirent64` (getdents64(2)) and `struct statx` (statx(2)). */
const RECORD_LENGTH = 16
const NAME = 19
const NLINK = 16
const MODE = 28
const INODE = 32
const BLOCKS = 48
const DEVICE_MAJOR = 136
const DEVICE_MINOR = 140

const S_IFMT = 0o170000
const S_IFDIR = 0o040000
const DOT = 0x2e

interface Directory {
  name: string
  parent: Directory | undefined
  /** -1 while closed. */
  fd: number
  /** Subdirectories that are still to be walked. */
  pending: string[]
}

/**
 * Bytes and names of a tree. Symlinks are not followed, mounts below not entered, and what vanishes meanwhile is left
 * out; 0 when the path is absent. Yields every few hundred names, for whoever runs it to do something else meanwhile.
 */
export function* treeSize(calls: Calls, path: string): Generator<void, TreeSize> {
  const top = open(path)
  if (top === undefined) return sizeOfFile(path)
  const walk = new Walk(calls, top)
  try {
    return yield* walk.run()
  } finally {
    walk.close()
  }
}

/** @returns undefined when it is absent or no directory */
function open(path: string): number | undefined {
  try {
    return libc.open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

function sizeOfFile(path: string): TreeSize {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat ? { bytes: stat.blocks * 512, files: 1 } : { bytes: 0, files: 0 }
}

class Walk {
  readonly #calls: Calls
  readonly #top: Directory
  /** Those that have a descriptor, but for the top; the one nearest to it first. */
  readonly #open: Directory[] = []
  /** Files with several names that were counted: inode numbers of the top's own device. */
  readonly #seen = new Set<number>()
  /** Those of other devices: below a btrfs subvolume. */
  readonly #seenElsewhere = new Set<string>()
  #device = 0
  #blocks = 0
  #files = 0

  constructor(calls: Calls, fd: number) {
    this.#calls = calls
    this.#top = { name: '', parent: undefined, fd, pending: [] }
  }

  *run(): Generator<void, TreeSize> {
    const { stat } = this.#calls
    if (this.#calls.lookAt(this.#top.fd)) {
      this.#device = deviceOf(stat)
      this.#blocks += wide(stat, BLOCKS)
    }
    yield* this.#list(this.#top)
    for (let at: Directory | undefined = this.#top; at;) {
      const name = at.pending.pop()
      if (name === undefined) {
        if (at !== this.#top) this.#shut(at)
        at = at.parent
        continue
      }
      const inner = this.#enter(at, name)
      if (!inner) continue
      yield* this.#list(inner)
      if (inner.pending.length > 0) at = inner
      else this.#shut(inner)
    }
    return { bytes: this.#blocks * 512, files: this.#files }
  }

  close(): void {
    for (const { fd } of this.#open) libc.close(fd)
    libc.close(this.#top.fd)
  }

  *#list(directory: Directory): Generator<void, void> {
    const calls = this.#calls
    const { entries, entryBytes, stat } = calls
    for (;;) {
      const size = calls.list(directory.fd)
      if (size <= 0) return
      for (let at = 0; at < size; at += entries.getUint16(at + RECORD_LENGTH, true)) {
        const name = at + NAME
        if (isDot(entryBytes, name) || !calls.look(directory.fd, name)) continue
        const isDirectory = (stat.getUint16(MODE, true) & S_IFMT) === S_IFDIR
        if (isDirectory) directory.pending.push(entryBytes.toString('latin1', name, entryBytes.indexOf(0, name)))
        // The root of another mount, which is not entered, or of a btrfs subvolume, which is counted then.
        if (isDirectory && deviceOf(stat) !== this.#device) continue
        this.#files++
        if (isDirectory || stat.getUint32(NLINK, true) === 1 || this.#isNew()) this.#blocks += wide(stat, BLOCKS)
      }
      yield
    }
  }

  #isNew(): boolean {
    const { stat } = this.#calls
    const device = deviceOf(stat)
    const inode = wide(stat, INODE)
    if (device === this.#device) return this.#seen.size < this.#seen.add(inode).size
    return this.#seenElsewhere.size < this.#seenElsewhere.add(`${device}:${inode}`).size
  }

  /** @returns undefined for what is gone, became something else, or is another mount's */
  #enter(parent: Directory, name: string): Directory | undefined {
    const above = parent.fd >= 0 ? parent.fd : this.#again(parent)
    const fd = above < 0 ? above : this.#calls.open(above, name)
    if (above >= 0 && parent.fd < 0) libc.close(above)
    if (fd < 0) return undefined
    const directory: Directory = { name, parent, fd, pending: [] }
    this.#open.push(directory)
    if (this.#open.length > OPEN) {
      const farthest = this.#open.shift()!
      libc.close(farthest.fd)
      farthest.fd = -1
    }
    if (this.#calls.lookAt(fd) && deviceOf(this.#calls.stat) !== this.#device) {
      this.#files++
      this.#blocks += wide(this.#calls.stat, BLOCKS)
    }
    return directory
  }

  /** A descriptor of a directory that had to be closed on the way down; negative when it has moved. */
  #again(directory: Directory): number {
    const names: string[] = []
    let from: Directory = directory
    for (; from.fd < 0; from = from.parent!) names.push(from.name)
    let fd = from.fd
    for (const name of names.reverse()) {
      const next = this.#calls.open(fd, name)
      if (fd !== from.fd) libc.close(fd)
      if (next < 0) return next
      fd = next
    }
    return fd
  }

  #shut(directory: Directory): void {
    if (directory.fd < 0) return
    libc.close(directory.fd)
    this.#open.splice(this.#open.lastIndexOf(directory), 1)
  }
}

function isDot(bytes: Buffer, at: number): boolean {
  return bytes[at] === DOT && (bytes[at + 1] === 0 || (bytes[at + 1] === DOT && bytes[at + 2] === 0))
}

function wide(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}

function deviceOf(stat: DataView): number {
  return stat.getUint32(DEVICE_MAJOR, true) * 2 ** 32 + stat.getUint32(DEVICE_MINOR, true)
}
