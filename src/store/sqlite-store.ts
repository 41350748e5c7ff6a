import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { invalid, messageOf, system } from '#lib/errors.ts'
import type { Repository, Store } from '#ports/store.ts'
import { Collection } from './collection.ts'
import { migrate } from './migrations.ts'
import { Reserve } from './reserve.ts'
import { isTight, LOG_LIMIT, provide, shrink } from './room.ts'

/** Milliseconds after which a daemon has started, and there is time for what need not be done at once. */
const SETTLED = 1_000

/**
 * The store on SQLite. One process owns a database: reads come from memory.
 *
 * WAL with synchronous=NORMAL: a commit is one write(2) into the page cache (about 20 us), so a killed daemon loses
 * nothing. A power cut may lose the last commits, never consistency; but it also ends every container, mount and
 * network those commits spoke of, and the reconciler mends the directories. FULL would fsync each commit: 1-10 ms of
 * blocked main thread for every state change, which is more than the rest of a container start costs.
 */
export class SqliteStore implements Store {
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #reserve: Reserve | undefined
  readonly #collections = new Map<string, Collection>()
  /** Collections written or made by the open transactions: their memory is dropped when one is rolled back. */
  readonly #touched = new Set<string>()
  #depth = 0
  #settle: NodeJS.Timeout | undefined

  /**
   * @param path of the database file, made when absent; `:memory:` for none
   * @throws system naming the file when it is no database or from a newer Berth
   */
  constructor(path: string) {
    this.#path = path
    const isNew = path !== ':memory:' && !existsSync(path)
    this.#reserve = path === ':memory:' ? undefined : new Reserve(`${path}-reserve`)
    try {
      this.#db = new DatabaseSync(path, { timeout: 5000 })
    } catch (cause) {
      throw system(`store ${path} cannot be opened`, { cause })
    }
    try {
      // Its shared memory is a file too, which a full disk may have no room for: SIGBUS, where blocks are smaller than
      // pages. Who has the database alone needs none.
      if (path !== ':memory:' && isTight(path)) this.#db.exec('PRAGMA locking_mode = EXCLUSIVE')
      this.#withReserve(() => {
        this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY')
        // What a burst of changes made of the log is given back at the next checkpoint.
        this.#db.exec(`PRAGMA journal_size_limit = ${LOG_LIMIT}`)
        migrate(this.#db, path)
      }, true)
    } catch (cause) {
      this.#db.close()
      if (/not a database|malformed/.test(messageOf(cause))) {
        throw system(`store ${path} is damaged: move it away to start empty, or restore a copy`, { cause })
      }
      if (mayBeFull(cause)) throw system(`store ${path} cannot be opened: is there no space left on device?`, { cause })
      throw cause
    }
    if (isNew) this.#provide()
    else if (this.#reserve) this.#settle = setTimeout(() => this.#provide(), SETTLED).unref()
  }

  repository<T>(collection: string): Repository<T> {
    if (!/^[a-z][a-z0-9_-]*$/.test(collection))
      throw invalid(`collection name ${JSON.stringify(collection)} is invalid`)
    return {
      get: key => this.#collection(collection).get(key) as T | undefined,
      list: () => this.#collection(collection).list() as T[],
      put: (key, value) => this.#write(collection, rows => rows.put(key, value)),
      delete: key => this.#write(collection, rows => rows.delete(key)),
      count: () => this.#collection(collection).count(),
    }
  }

  transaction<T>(work: () => T): T {
    const savepoint = `t${this.#depth}`
    this.#run(this.#depth === 0 ? 'BEGIN IMMEDIATE' : `SAVEPOINT ${savepoint}`)
    this.#depth++
    try {
      const result = work()
      if (result instanceof Promise) throw new TypeError('the work of a transaction must not be asynchronous')
      this.#depth--
      this.#run(this.#depth === 0 ? 'COMMIT' : `RELEASE ${savepoint}`)
      if (this.#depth === 0) this.#touched.clear()
      return result
    } catch (error) {
      this.#rollBack(savepoint)
      throw error
    }
  }

  /** Takes as long as writing what is left. */
  compact(): void {
    if (this.#depth > 0 || this.#reserve === undefined) return
    try {
      shrink(this.#db, this.#path)
    } catch {
      // No room for the copy: another time.
    }
  }

  close(): void {
    clearTimeout(this.#settle)
    if (!this.#db.isOpen) return
    this.#collections.clear()
    this.#db.close()
    this.#reserve?.close()
  }

  #provide(): void {
    if (!this.#db.isOpen || this.#depth > 0) return
    try {
      provide(this.#db, this.#path)
    } catch {
      // Somebody was faster with what room there was.
    }
  }

  #rollBack(savepoint: string): void {
    // The depth is already lowered when COMMIT itself failed.
    this.#depth = Number(savepoint.slice(1))
    for (const name of this.#touched) this.#collections.delete(name)
    if (this.#depth === 0) this.#touched.clear()
    // SQLite has ended the transaction by itself after some errors (full disk, I/O error).
    if (this.#db.isTransaction) {
      this.#run(this.#depth === 0 ? 'ROLLBACK' : `ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`)
    }
  }

  #collection(name: string): Collection {
    let rows = this.#collections.get(name)
    if (!rows) {
      if (this.#depth > 0) this.#touched.add(name)
      this.#collections.set(name, (rows = new Collection(this.#db, name)))
    }
    return rows
  }

  #write<T>(name: string, work: (rows: Collection) => T): T {
    const rows = this.#collection(name)
    if (this.#depth > 0) this.#touched.add(name)
    try {
      return this.#withReserve(() => work(rows), this.#depth === 0)
    } catch (error) {
      throw this.#explain(error)
    }
  }

  #run(sql: string): void {
    try {
      // A COMMIT that found no room may be tried again for as long as SQLite has kept the transaction.
      this.#withReserve(() => this.#db.exec(sql), sql === 'COMMIT')
    } catch (error) {
      throw this.#explain(error)
    }
  }

  /**
   * On a full disk tries again with the blocks that the log and the database have (a log that was copied is written anew
   * from its beginning), then with those of the reserve: what frees room (stop, remove, prune) is written too.
   */
  #withReserve<T>(work: () => T, retry: boolean): T {
    try {
      return work()
    } catch (error) {
      if (!retry || !mayBeFull(error)) throw error
      if (this.#copyLog()) {
        try {
          return work()
        } catch (again) {
          if (!mayBeFull(again)) throw again
        }
      }
      if (!this.#reserve?.give()) throw error
      return work()
    }
  }

  #copyLog(): boolean {
    if (this.#depth > 0) return false
    try {
      this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)')
      return true
    } catch {
      return false
    }
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof Error && 'errcode' in error)) return error
    const full = isFull(error)
    return system(full ? `store ${this.#path}: no space left on device` : `store ${this.#path} cannot be written`, {
      cause: error,
      details: full ? { errno: 'ENOSPC' } : {},
    })
  }
}

/** SQLITE_FULL; SQLITE_IOERR and SQLITE_CANTOPEN are what its other files meet on a full disk. */
const isFull = (error: unknown) => codeOf(error) === 13
const mayBeFull = (error: unknown) => [10, 13, 14].includes(codeOf(error) & 0xff)

function codeOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0
}
