import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { copyDocument, decodeDocument, encodeDocument } from './document.ts'

/**
 * One table of documents and its whole content in memory: records number thousands at most, and are read on every
 * request. The Map keeps the order of `seq`: an upsert keeps its row and its place, a new row goes to the end.
 */
export class Collection {
  readonly #put: StatementSync
  readonly #delete: StatementSync
  readonly #documents = new Map<string, unknown>()

  constructor(db: DatabaseSync, name: string) {
    const table = `"c_${name}"`
    db.exec(
      `CREATE TABLE IF NOT EXISTS ${table} (
         seq INTEGER PRIMARY KEY AUTOINCREMENT,
         key TEXT NOT NULL UNIQUE,
         encoding INTEGER NOT NULL,
         document TEXT NOT NULL
       ) STRICT`,
    )
    db.prepare(`INSERT OR IGNORE INTO collections (name, created) VALUES (?, datetime('now'))`).run(name)
    this.#put = db.prepare(
      `INSERT INTO ${table} (key, encoding, document) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET encoding = excluded.encoding, document = excluded.document`,
    )
    this.#delete = db.prepare(`DELETE FROM ${table} WHERE key = ?`)
    for (const row of db.prepare(`SELECT key, encoding, document FROM ${table} ORDER BY seq`).iterate()) {
      this.#documents.set(String(row.key), decodeDocument(String(row.document), Number(row.encoding)))
    }
  }

  get(key: string): unknown {
    return copyDocument(this.#documents.get(key))
  }

  list(): unknown[] {
    return Array.from(this.#documents.values(), copyDocument)
  }

  put(key: string, value: unknown): void {
    const copy = copyDocument(value)
    const { text, encoding } = encodeDocument(copy)
    this.#put.run(key, encoding, text)
    this.#documents.set(key, copy)
  }

  delete(key: string): boolean {
    if (!this.#documents.has(key)) return false
    this.#delete.run(key)
    return this.#documents.delete(key)
  }

  count(): number {
    return this.#documents.size
  }
}
