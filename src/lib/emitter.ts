/** A typed broadcast to listeners, called synchronously in order of subscription. */
export class Broadcast<T> {
  readonly #listeners = new Set<(value: T) => void>()

  /** @returns the unsubscribe function */
  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  emit(value: T): void {
    for (const listener of Array.from(this.#listeners)) listener(value)
  }

  get size(): number {
    return this.#listeners.size
  }
}
