import { constants } from 'node:fs'
import koffi from 'koffi'
import { native } from '../ffi/libc.ts'

/**
 * The calls of a walk over millions of names. Pointers are handed over as integers (both are one register on x86-64 and
 * arm64), into memory that lies still: no buffer is made, and nothing converted, for a name.
 */
const c = {
  getdents64: native('long getdents64(int fd, uint64 buffer, size_t size)'),
  statx: native('int statx(int directory, uint64 path, int flags, uint mask, uint64 buffer)'),
  openat2: native('long syscall(long number, int directory, uint64 path, uint64 how, size_t size)'),
  ioprio: native('long syscall(long number, int which, int who, int priority)'),
}

/** Whether the disk serves the calling thread only when nobody else wants it (ioprio_set(2)). */
export function yieldDisk(idle: boolean): void {
  // Class 3 is idle, 0 is whatever follows from the nice value.
  c.ioprio()(process.arch === 'arm64' ? 30 : 251, 1, 0, idle ? 3 << 13 : 0)
}

/** Memory of C, which never moves, with a view of it. */
export class Arena {
  readonly address: number
  readonly bytes: Buffer
  readonly view: DataView

  readonly #memory: unknown

  constructor(size: number) {
    const memory: unknown = koffi.alloc('uint8_t', size)
    this.#memory = memory
    const buffer = koffi.view(memory, size)
    this.address = Number(koffi.address(memory))
    this.bytes = Buffer.from(buffer)
    this.view = new DataView(buffer)
  }

  /** Its views must not be used any more. */
  free(): void {
    koffi.free(this.#memory)
  }
}

const O_CLOEXEC = 0o2000000
const SYS_OPENAT2 = 437
const OPEN_HOW_SIZE = 24
/** Neither into another mount nor through a symlink, whatever a container renames meanwhile. */
const RESOLVE = 0x01 | 0x04
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_EMPTY_PATH = 0x1000
/** A file server's answer of a moment ago will do. */
const AT_STATX_DONT_SYNC = 0x4000
/** STATX_TYPE, STATX_NLINK, STATX_INO, STATX_BLOCKS. */
const MASK = 0x1 | 0x4 | 0x100 | 0x400

/** Bytes for entries: about a thousand names, which are looked at in a millisecond. */
const ENTRIES = 32 << 10

/**
 * Entries of a directory, and what statx says of one, in memory that is used again for the next. One a thread; several
 * walks share it, since none keeps anything there while another has its turn.
 */
export class Calls {
  readonly #entries = new Arena(ENTRIES)
  readonly #stat = new Arena(256)
  readonly #how = new Arena(OPEN_HOW_SIZE)
  readonly #path = new Arena(8192)
  // Looked up once: each is called for every name.
  readonly #getdents64 = c.getdents64()
  readonly #statx = c.statx()
  readonly entries: DataView = this.#entries.view
  readonly entryBytes: Buffer = this.#entries.bytes
  readonly stat: DataView = this.#stat.view

  constructor() {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC
    this.#how.view.setBigUint64(0, BigInt(flags), true)
    this.#how.view.setBigUint64(8, 0n, true)
    this.#how.view.setBigUint64(16, BigInt(RESOLVE), true)
  }

  /** For a thread that ends before the process does. */
  free(): void {
    for (const arena of [this.#entries, this.#stat, this.#how, this.#path]) arena.free()
  }

  /** @returns a descriptor, or the negative errno */
  open(directory: number, name: string): number {
    const length = this.#path.bytes.write(name, 'latin1')
    this.#path.bytes[length] = 0
    const fd = Number(c.openat2()(SYS_OPENAT2, directory, this.#path.address, this.#how.address, OPEN_HOW_SIZE))
    return fd < 0 ? -koffi.errno() : fd
  }

  /** @returns bytes of entries, 0 at the end, or the negative errno */
  list(fd: number): number {
    const size = Number(this.#getdents64(fd, this.#entries.address, ENTRIES))
    return size < 0 ? -koffi.errno() : size
  }

  /** Of the name at `offset` of the entries. @returns whether it is there */
  look(directory: number, offset: number): boolean {
    return (
      this.#statx(
        directory,
        this.#entries.address + offset,
        AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
        MASK,
        this.#stat.address,
      ) === 0
    )
  }

  lookAt(fd: number): boolean {
    this.#path.bytes[0] = 0
    return this.#statx(fd, this.#path.address, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, MASK, this.#stat.address) === 0
  }
}
