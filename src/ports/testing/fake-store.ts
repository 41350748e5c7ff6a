import { copyDocument } from '#store/document.ts'
import type { Repository, Store } from '#ports/store.ts'

/** A store in memory with the real one's rules: copies both ways, insertion order, transactions that roll back. */
export class FakeStore implements Store {
  readonly #collections = new Map<string, Map<string, unknown>>()
  #failNext: Error | undefined
  closed = false

  repository<T>(collection: string): Repository<T> {
    const rows = () => this.#rows(collection)
    return {
      get: key => copyDocument(rows().get(key) as T | undefined),
      list: () => Array.from(rows().values(), value => copyDocument(value as T)),
      put: (key, value) => {
        this.#maybeFail()
        rows().set(key, copyDocument(value))
      },
      delete: key => {
        this.#maybeFail()
        return rows().delete(key)
      },
      count: () => rows().size,
    }
  }

  transaction<T>(work: () => T): T {
    const before = new Map(Array.from(this.#collections, ([name, rows]) => [name, new Map(rows)] as const))
    try {
      return work()
    } catch (error) {
      this.#collections.clear()
      for (const [name, rows] of before) this.#collections.set(name, rows)
      throw error
    }
  }

  compact(): void {}

  close(): void {
    this.closed = true
  }

  /** The next write throws `error`, as a full disk would make it. */
  failNextWrite(error: Error): void {
    this.#failNext = error
  }

  #maybeFail(): void {
    const error = this.#failNext
    this.#failNext = undefined
    if (error) throw error
  }

  #rows(collection: string): Map<string, unknown> {
    let rows = this.#collections.get(collection)
    if (!rows) this.#collections.set(collection, (rows = new Map()))
    return rows
  }
}
