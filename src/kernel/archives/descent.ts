import type { ByteString } from '#codec/tar/index.ts'
import * as libc from '../ffi/libc.ts'

/** Open directories on the way down; above that the upper ones are closed, and opened again on the way back. */
const OPEN_MAX = 200

interface Level {
  name: ByteString
  fd: number
}

/** The way down from a directory, as descriptors: no path is too long, and no rename or symlink leads it elsewhere. */
export class Descent {
  readonly #levels: Level[]
  readonly #open: (parent: number, name: ByteString) => number

  /**
   * @param root stays the caller's to close
   * @param open a directory, never through a symlink; throws, or gives a descriptor
   */
  constructor(root: number, open: (parent: number, name: ByteString) => number) {
    this.#levels = [{ name: '', fd: root }]
    this.#open = open
  }

  get depth(): number {
    return this.#levels.length - 1
  }

  name(depth: number): ByteString {
    return this.#levels[depth]!.name
  }

  /** Descriptor of the lowest directory. */
  get fd(): number {
    const index = this.#levels.length - 1
    return this.#levels[index]!.fd >= 0 ? this.#levels[index]!.fd : this.#reopen(index)
  }

  push(name: ByteString, fd?: number): void {
    const opened = fd ?? this.#open(this.fd, name)
    this.#levels.push({ name, fd: opened })
    const far = this.#levels[this.#levels.length - 1 - OPEN_MAX]
    if (far && far !== this.#levels[0]) shut(far)
  }

  pop(): void {
    if (this.#levels.length > 1) shut(this.#levels.pop()!)
  }

  /** Closes all but the root. */
  close(): void {
    for (const level of this.#levels.splice(1)) shut(level)
  }

  #reopen(index: number): number {
    // Down from the nearest that is open; the last ones stay so for the way back.
    let from = index
    while (this.#levels[from]!.fd < 0) from--
    for (let i = from + 1; i <= index; i++) {
      const above = this.#levels[i - 1]!
      this.#levels[i]!.fd = this.#open(above.fd, this.#levels[i]!.name)
      if (i - 1 > 0 && i - 1 < index - OPEN_MAX / 2) shut(above)
    }
    return this.#levels[index]!.fd
  }
}

function shut(level: Level): void {
  if (level.fd >= 0) libc.close(level.fd)
  level.fd = -1
}
