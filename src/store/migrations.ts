import type { DatabaseSync } from 'node:sqlite'
import { BerthError, messageOf, system } from '#lib/errors.ts'

/**
 * Steps from one schema version to the next; the version is SQLite's `user_version`, which a step's transaction
 * covers too. A released step is never edited: changes of a collection's documents get a step of their own.
 */
export type Migration = (db: DatabaseSync) => void

export const MIGRATIONS: readonly Migration[] = [
  // 1: the list of collections; each has a table `c_NAME` (see `Collection`), made with its first use.
  db => db.exec('CREATE TABLE collections (name TEXT PRIMARY KEY, created TEXT NOT NULL) STRICT'),
]

/**
 * Brings the schema up to date. Before a store with data is changed, a copy is written beside it (`PATH.vN`), so that
 * an older Berth can be put back.
 *
 * @throws system when the store was written by a newer Berth, or a step fails (then nothing was changed)
 */
export function migrate(db: DatabaseSync, path: string, migrations: readonly Migration[] = MIGRATIONS): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.user_version ?? 0)
  if (version > migrations.length) {
    throw system(
      `store ${path} has schema ${version} and this berth knows ${migrations.length}: start a newer berth or restore the copy ${path}.v${migrations.length}`,
    )
  }
  if (version === migrations.length) return
  if (version > 0 && path !== ':memory:') backUp(db, `${path}.v${version}`)
  db.exec('BEGIN IMMEDIATE')
  try {
    for (const step of migrations.slice(version)) step(db)
    db.exec(`PRAGMA user_version = ${migrations.length}`)
    db.exec('COMMIT')
  } catch (cause) {
    db.exec('ROLLBACK')
    throw system(`store ${path} could not be brought from schema ${version} to ${migrations.length}`, { cause })
  }
}

/** An earlier copy of the same version is kept: it is from before any change. */
function backUp(db: DatabaseSync, copy: string): void {
  try {
    db.prepare('VACUUM INTO ?').run(copy)
  } catch (cause) {
    if (!messageOf(cause).includes('already exists')) {
      throw new BerthError('system', `no copy of the store could be written to ${copy} before its upgrade`, { cause })
    }
  }
}
