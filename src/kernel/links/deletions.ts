import { changeLink, deleteLinkGroup } from '#codec/netlink/link.ts'
import type { Rtnl } from '#kernel/netlink/rtnl.ts'
import { findIndex } from '#kernel/netlink/rtnl.ts'

/** A device group that nothing else uses: links put into it are about to be deleted. */
const DOOMED_GROUP = 0x6265_7274
/** Long enough for the kernel to take a veth away with its sandbox, which costs nobody a wait. */
const DELAY_MS = 150

/**
 * Deletes links of the daemon's namespace behind everyone's back. Deleting holds the kernel's RTNL lock for a grace period
 * (15-40 ms on kernels since 6.15), however many links it is: so they are collected, and go as one group.
 */
export class LinkDeletions {
  readonly #rtnl: Rtnl
  readonly #onError: (error: unknown) => void
  readonly #pending = new Set<string>()
  #current: ReadonlySet<string> = new Set()
  #flushing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(rtnl: Rtnl, onError: (error: unknown) => void) {
    this.#rtnl = rtnl
    this.#onError = onError
  }

  queue(name: string): void {
    this.#pending.add(name)
    if (this.#timer || this.#flushing) return
    this.#timer = setTimeout(() => void this.flush(), DELAY_MS)
    this.#timer.unref()
  }

  /** Resolves once a queued deletion of `name`, if any, is done: it must not hit a new link of the same name. */
  async before(name: string): Promise<void> {
    while (this.#pending.has(name) || this.#current.has(name)) await this.flush()
  }

  /** Deletes everything queued so far, and what is queued meanwhile. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (this.#flushing || this.#pending.size > 0) {
      this.#flushing ??= this.#flushOnce().finally(() => {
        this.#flushing = undefined
      })
      await this.#flushing
    }
  }

  async #flushOnce(): Promise<void> {
    const names = new Set(this.#pending)
    this.#pending.clear()
    this.#current = names
    const { host } = this.#rtnl
    try {
      const present = [...names].flatMap(name => findIndex(host, name) ?? [])
      if (present.length === 0) return
      const moves = present.map(index => changeLink(index, { group: DOOMED_GROUP }))
      await host.request(moves, { tolerated: ['ENODEV'] })
      await host.request([deleteLinkGroup(DOOMED_GROUP)], { tolerated: ['ENODEV'], priority: 'later' })
    } catch (error) {
      this.#onError(error)
    } finally {
      this.#current = new Set()
    }
  }
}
