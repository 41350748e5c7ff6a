import { changeLink, deleteLinkGroup } from '#codec/netlink/link.ts'
import { type Rtnl, findIndex } from '#kernel/netlink/rtnl.ts'

/** A device group that nothing else uses: links put into it are about to be deleted. */
const DOOMED_GROUP = 0x6265_7274
/** How long a link may wait for the kernel to take it away with its sandbox, which costs nobody a wait. */
const PATIENCE_MS = 100
const LOOK_EVERY_MS = 10
/** Links in one request: the kernel drops acknowledgements that the socket has no room for. */
const AT_ONCE = 64

/**
 * Deletes links of the daemon's namespace behind everyone's back. Deleting holds the kernel's RTNL lock for a grace period
 * (15-40 ms on kernels since 6.15), however many links it is. The kernel's own removal with the namespace of the other end
 * holds it for one or two. So links are given some time to go by themselves, and what remains is deleted as one group.
 */
export class LinkDeletions {
  readonly #rtnl: Rtnl
  readonly #onError: (error: unknown) => void
  /** Names, with the time when patience ends. */
  readonly #pending = new Map<string, number>()
  #work: Promise<void> | undefined
  #wake: (() => void) | undefined

  constructor(rtnl: Rtnl, onError: (error: unknown) => void) {
    this.#rtnl = rtnl
    this.#onError = onError
  }

  queue(name: string): void {
    this.#pending.set(name, performance.now() + PATIENCE_MS)
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined
    })
  }

  /** Resolves once a queued deletion of `name`, if any, is done: it must not hit a new link of the same name. */
  async before(name: string): Promise<void> {
    while (this.#pending.has(name)) {
      this.#pending.set(name, 0)
      this.#wake?.()
      await this.#work
    }
  }

  /** Resolves when nothing is queued any more. */
  async settled(): Promise<void> {
    while (this.#work) await this.#work
  }

  async #run(): Promise<void> {
    // Whoever queues several links in a row gets them into one group.
    await Promise.resolve()
    while (this.#pending.size > 0) {
      try {
        await this.#deleteDue()
      } catch (error) {
        this.#onError(error)
      }
      if (this.#pending.size > 0) await this.#pause()
    }
  }

  async #deleteDue(): Promise<void> {
    const { host } = this.#rtnl
    const indexes: number[] = []
    const due: string[] = []
    for (const [name, until] of this.#pending) {
      const index = findIndex(host, name)
      if (index !== undefined && until > performance.now()) continue
      due.push(name)
      if (index !== undefined) indexes.push(index)
    }
    try {
      if (indexes.length === 0) return
      for (let i = 0; i < indexes.length; i += AT_ONCE) {
        const moves = indexes.slice(i, i + AT_ONCE).map(index => changeLink(index, { group: DOOMED_GROUP }))
        await host.request(moves, { tolerated: ['ENODEV'] })
      }
      await host.request([deleteLinkGroup(DOOMED_GROUP)], { tolerated: ['ENODEV'], priority: 'later' })
    } finally {
      for (const name of due) this.#pending.delete(name)
    }
  }

  #pause(): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, LOOK_EVERY_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
