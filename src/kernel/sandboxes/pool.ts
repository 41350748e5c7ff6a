import * as libc from '#kernel/ffi/libc.ts'
import type { Rtnl } from '#kernel/netlink/rtnl.ts'
import { prepareNamespace } from './prepare.ts'

/** Idle time before a refill, so that a burst of starts is not slowed by it. */
const REFILL_DELAY_MS = 20

/**
 * Ready namespaces. They are held by descriptors only and pinned nowhere: after a kill -9 the kernel takes them back by
 * itself.
 */
export class NamespacePool {
  readonly #rtnl: Rtnl
  readonly #size: number
  readonly #ready: number[] = []
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** @param size how many to keep ready; 0 for none */
  constructor(rtnl: Rtnl, size: number) {
    this.#rtnl = rtnl
    this.#size = size
  }

  /** Begins to fill, one namespace at a time. */
  refill(): void {
    if (this.#timer || this.#closed || this.#ready.length >= this.#size) return
    this.#timer = setTimeout(async () => {
      try {
        const fd = await this.#make()
        if (this.#closed) libc.close(fd)
        else this.#ready.push(fd)
      } catch {
        // Whoever takes from the empty pool gets the error.
        return
      } finally {
        this.#timer = undefined
      }
      this.refill()
    }, REFILL_DELAY_MS)
    this.#timer.unref()
  }

  /** @returns a descriptor, which the caller closes */
  async take(): Promise<number> {
    const ready = this.#ready.pop()
    // A burst puts the refill off.
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.refill()
    return ready ?? this.#make()
  }

  get ready(): number {
    return this.#ready.length
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    for (const fd of this.#ready.splice(0)) libc.close(fd)
  }

  #make(): Promise<number> {
    return this.#rtnl.whenFree(() => this.#rtnl.namespaces.enterNew(prepareNamespace))
  }
}
