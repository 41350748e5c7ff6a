import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

/** Bytes that the database and its log have for themselves. */
const OWN = 640 << 10
/** Bytes of empty pages beyond these that are worth writing the database anew. */
const WORTH = 256 << 10
/** Bytes of room on the disk, below which nobody else may read the database. */
const TIGHT = 256 << 10
/** Bytes of room on the disk, from which on some of it may be taken. */
const PLENTY = 16 << 20

/** Bytes that the write-ahead log keeps once it was copied into the database. */
export const LOG_LIMIT = 1 << 20

export function isTight(path: string): boolean {
  return roomAt(path) < TIGHT
}

/**
 * Makes the database and its log have empty blocks of their own, so that a daemon which is started on a disk that is full
 * to the last block can write down what gives room back: a reserve that must be deleted to be of use may go to whoever
 * filled the disk. Takes some milliseconds, and no more once it is so.
 */
export function provide(db: DatabaseSync, path: string): void {
  if (freeBytes(db) >= OWN || roomAt(path) < PLENTY) return
  // In two steps: pages that are freed in the transaction that made them are never written.
  db.exec(`CREATE TABLE room (filling BLOB); INSERT INTO room VALUES (zeroblob(${OWN + (64 << 10)}))`)
  db.exec('DROP TABLE room')
  db.exec('PRAGMA wal_checkpoint(PASSIVE)')
}

/** Cuts off empty pages when they are worth it, and empties the log. */
export function shrink(db: DatabaseSync, path: string): void {
  if (freeBytes(db) < OWN + WORTH) return void db.exec('PRAGMA wal_checkpoint(PASSIVE)')
  db.exec('VACUUM')
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  provide(db, path)
}

function freeBytes(db: DatabaseSync): number {
  const read = (name: 'freelist_count' | 'page_size') => Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0)
  return read('freelist_count') * read('page_size')
}

function roomAt(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path))
  return bavail * bsize
}
