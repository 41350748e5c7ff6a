/**
 * What is being made now and has no image record yet: blob digests and chain ids that removals and sweeps must leave.
 * Lives in memory: after a crash there is no work under way.
 */
export class Leases {
  readonly #counts = new Map<string, number>()
  readonly #deletions = new Set<Promise<void>>()
  readonly #deferred = new Set<string>()
  #blind = 0

  /** For work that knows the names of its blobs beforehand and holds each before it writes it. */
  open(): Lease {
    return new Lease(this.#counts)
  }

  /**
   * For work that learns a blob's name only once it is written, when a deletion of an equal blob may have passed its
   * check already: deletions wait until it is done, and it waits for those under way.
   */
  async openBlind(): Promise<Lease> {
    this.#blind++
    await Promise.all(this.#deletions)
    return new Lease(this.#counts, () => {
      if (--this.#blind > 0) return []
      const deferred = Array.from(this.#deferred)
      this.#deferred.clear()
      return deferred
    })
  }

  isHeld(key: string): boolean {
    return this.#counts.has(key)
  }

  keys(): string[] {
    return Array.from(this.#counts.keys())
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
  readonly #onRelease: () => string[]
  readonly #mine = new Set<string>()

  constructor(counts: Map<string, number>, onRelease: () => string[] = () => []) {
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
    return [...keys, ...this.#onRelease()]
  }
}
