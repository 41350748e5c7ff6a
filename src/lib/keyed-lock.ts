/** One queue a key: work on the same key runs one after the other, in order of arrival; other keys run freely. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>()

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    // Never called at once: what `work` calls before its first await may ask for the same key.
    const mine = before ? before.then(work, work) : Promise.resolve().then(work)
    const tail = mine.catch(() => {})
    this.#tails.set(key, tail)
    try {
      return await mine
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }

  isHeld(key: string): boolean {
    return this.#tails.has(key)
  }
}
