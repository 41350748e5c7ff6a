import { notFound } from '#lib/errors.ts'
import type { BackupProgress } from '#model/backup.ts'

/** Backups that can be asked about. */
const KEPT = 100

/** A backup under way, or one of the last. */
export interface Run {
  progress(): BackupProgress
  /** Settles, never rejects, when nothing of it is left: containers thawed, volumes let go. */
  over: Promise<void>
  isOver(): boolean
  /** Ends it as failed. */
  stop(why: Error): void
}

export class Runs {
  readonly #runs = new Map<string, Run>()

  add(id: string, run: Run): void {
    // A repeated backup has its id again.
    this.#runs.delete(id)
    this.#runs.set(id, run)
    for (const [old, { isOver }] of this.#runs) {
      if (this.#runs.size <= KEPT) break
      if (isOver()) this.#runs.delete(old)
    }
  }

  has(id: string): boolean {
    return this.#runs.get(id)?.isOver() === false
  }

  /** @throws not-found */
  progress(id: string): BackupProgress {
    const run = this.#runs.get(id)
    if (!run) throw notFound(`no such backup: ${id} (only the last ${KEPT} are remembered)`)
    return run.progress()
  }

  async stop(why: Error): Promise<void> {
    for (const run of this.#runs.values()) run.stop(why)
    await Promise.all(Array.from(this.#runs.values(), run => run.over))
  }
}
