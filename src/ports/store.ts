/**
 * Persistence of one resource. Calls are synchronous: SQLite in WAL mode answers in microseconds and a record must be
 * on disk before the host is touched. A stored value is copied both ways, so callers may mutate what they hold.
 */
export interface Repository<T> {
  get(key: string): T | undefined
  /** Ordered by insertion. */
  list(): T[]
  put(key: string, value: T): void
  /** @returns whether it was there */
  delete(key: string): boolean
  count(): number
}

export interface Store {
  /** One table a `collection`, made on first use. */
  repository<T>(collection: string): Repository<T>
  /** All writes of `work` happen or none does; nests. `work` must not await. */
  transaction<T>(work: () => T): T
  /** After much was deleted: gives the room back to the file system. Never throws: with no room to do it, it stays. */
  compact(): void
  close(): void
}
