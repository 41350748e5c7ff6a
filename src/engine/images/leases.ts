/**
 * What is being made now and has no image record yet: blob digests and chain ids that removals and sweeps must leave.
 * Lives in memory: after a crash there is no work under way.
 */
export class Leases {
  readonly #counts = new Map<string, number>()
  readonly #deletions = new Set<Promise<void>>()
  readonly #deferred = new Set<string>()
  #sweep: Promise<void> | undefined
  #open = 0
  #blind = 0

  /** For work that knows the names of its blobs beforehand and holds each before it looks for it or writes it. */
  async open(): Promise<Lease> {
    this.#open++
    await this.#sweep
    return new Lease(this.#counts, () => {
      this.#open--
      return []
    })
  }

  /**
   * For work that learns a blob's name only once it is written, when a deletion of an equal blob may have passed its
   * check already: deletions wait until it is done, and it waits for those under way.
   */
  async openBlind(): Promise<Lease> {
    this.#open++
    this.#blind++
    await Promise.all([this.#sweep, ...this.#deletions])
    return new Lease(this.#counts, () => {
      this.#open--
      if (--this.#blind > 0) return []
      const deferred = Array.from(this.#deferred)
      this.#deferred.clear()
      return deferred
    })
  }

  isHeld(key: string): boolean {
    return this.#counts.has(key)
  }

  /**
   * Runs a sweep, which decides from what is recorded, while no other work is under way: work that begins meanwhile
   * waits for it.
   * @returns undefined when there is work under way: then it is not the time
   */
  async sweeping<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#open > 0 || this.#sweep) return undefined
    const sweep = work()
    this.#sweep = sweep.then(
      () => {},
      () => {},
    )
    try {
      return await sweep
    } finally {
      this.#sweep = undefined
    }
  }

  /** Runs a deletion now, or keeps the key for whoever ends the blind work under way. */
  async deleting(key: string, work: () => Promise<void>): Promise<void> {
    if (this.#blind > 0) {
      this.#deferred.add(key)
      return
    }
    const deletion = work()
    const settled = deletion.catch(() => {})
    this.#deletions.add(settled)
    try {
      await deletion
    } finally {
      this.#deletions.delete(settled)
    }
  }
}

export class Lease {
  readonly #counts: Map<string, number>
  #onRelease: () => string[]
  readonly #mine = new Set<string>()

  constructor(counts: Map<string, number>, onRelease: () => string[]) {
    this.#counts = counts
    this.#onRelease = onRelease
  }

  hold(key: string): void {
    if (this.#mine.has(key)) return
    this.#mine.add(key)
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  /** Lets go of everything, once. @returns what may be garbage now */
  release(): string[] {
    const keys = Array.from(this.#mine)
    for (const key of keys) {
      const left = this.#counts.get(key)! - 1
      if (left > 0) this.#counts.set(key, left)
      else this.#counts.delete(key)
    }
    this.#mine.clear()
    const deferred = this.#onRelease()
    this.#onRelease = () => []
    return [...keys, ...deferred]
  }
}
