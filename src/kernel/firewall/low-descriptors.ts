import { system } from '#lib/errors.ts'
import * as libc from '#kernel/ffi/libc.ts'

/** select(2) takes descriptors below this; a library that hands it a higher one is aborted by the C library. */
const FD_SETSIZE = 1024

/**
 * Descriptor numbers below 1024 for libnftables, which waits for its socket with select(2): a daemon that holds a thousand
 * descriptors would be aborted when it made a context. A few low numbers are occupied early and vacated for a moment when
 * one is needed; the kernel gives a new descriptor the lowest free number.
 */
export class LowDescriptors {
  readonly #spare: number[] = []
  readonly #count: number

  constructor(count = 16) {
    this.#count = count
    this.refill()
  }

  /** Runs `make`, whose first descriptor gets a low number. @throws system when none is left */
  vacate<T>(make: () => T): T {
    this.refill()
    const spare = this.#spare.pop()
    if (spare === undefined) throw system(`every file descriptor below ${FD_SETSIZE} is in use`)
    libc.close(spare)
    return make()
  }

  /** Occupies low numbers that are free again; call it after a use. */
  refill(): void {
    while (this.#spare.length < this.#count) {
      const fd = libc.open('/dev/null', libc.O_RDONLY)
      if (fd >= FD_SETSIZE) {
        libc.close(fd)
        return
      }
      this.#spare.push(fd)
    }
  }

  close(): void {
    for (const fd of this.#spare.splice(0)) libc.close(fd)
  }
}
