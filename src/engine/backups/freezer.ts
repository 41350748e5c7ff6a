import { isKind, messageOf, system } from '#lib/errors.ts'
import { KeyedLock } from '#lib/keyed-lock.ts'
import type { Repository } from '#ports/store.ts'
import type { Context } from './context.ts'

/** Containers that a backup has frozen, or is about to freeze. */
export interface FreezeRecord {
  backup: string
  containers: string[]
}

/**
 * Stops containers for backups, all at one instant, and lets them go on. What it freezes is recorded first: when a daemon
 * was killed, the next one thaws it. Who was paused already stays so.
 */
export class Freezer {
  readonly #ctx: Context
  readonly #records: Repository<FreezeRecord>
  /** Backups that want a container frozen: it goes on when the last of them is over. */
  readonly #holders = new Map<string, Set<string>>()
  /** By container. */
  readonly #locks = new KeyedLock()

  constructor(ctx: Context, records: Repository<FreezeRecord>) {
    this.#ctx = ctx
    this.#records = records
  }

  /** All or none; those that have ended meanwhile stand still anyway. */
  async freeze(backup: string, candidates: readonly string[]): Promise<void> {
    const mine = candidates.filter(id => this.#holders.has(id) || this.#locks.isHeld(id) || this.#isRunning(id))
    if (mine.length === 0) return
    this.#records.put(backup, { backup, containers: mine })
    const results = await Promise.allSettled(mine.map(id => this.#locks.run(id, () => this.#hold(backup, id))))
    const refused = results.flatMap(result => (result.status === 'rejected' ? [messageOf(result.reason)] : []))
    if (refused.length === 0) return
    await this.thaw(backup)
    throw system(`could not freeze the containers that use the volumes: ${refused.join('; ')}`)
  }

  /** When another backup is just freezing it, or letting it go on, that is waited for. */
  async #hold(backup: string, id: string): Promise<void> {
    const holders = this.#holders.get(id)
    if (holders) return void holders.add(backup)
    try {
      await this.#ctx.containers.pause(id)
    } catch (error) {
      // Ended, or paused by somebody else in the same moment: it stands still, and is not ours to thaw.
      if (isKind(error, 'conflict') || isKind(error, 'not-found')) return
      throw error
    }
    this.#holders.set(id, new Set([backup]))
  }

  async thaw(backup: string): Promise<void> {
    const record = this.#records.get(backup)
    if (record) await this.#letGo(backup, record.containers, id => this.#locks.run(id, () => this.#release(backup, id)))
  }

  async #release(backup: string, id: string): Promise<void> {
    const holders = this.#holders.get(id)
    if (!holders?.delete(backup) || holders.size > 0) return
    this.#holders.delete(id)
    await this.#ctx.containers.unpause(id)
  }

  /** After a restart: whatever a killed daemon left frozen goes on. */
  async recover(): Promise<void> {
    this.#holders.clear()
    for (const { backup, containers } of this.#records.list()) {
      for (const id of containers) {
        // Killed between freezing and saying so, the record still says that it runs: pausing it makes both agree.
        if (this.#isRunning(id)) await this.#ctx.containers.pause(id).catch(() => {})
      }
      await this.#letGo(backup, containers, id => this.#ctx.containers.unpause(id))
      this.#ctx.log.info('thawed what a backup had frozen', { backup, containers: containers.length })
    }
  }

  async #letGo(backup: string, containers: readonly string[], unpause: (id: string) => Promise<void>): Promise<void> {
    const results = await Promise.allSettled(containers.map(async id => unpause(id)))
    const failed = results.flatMap(result => {
      if (result.status === 'fulfilled') return []
      // Somebody let it go on before, or it has ended.
      return isKind(result.reason, 'conflict') || isKind(result.reason, 'not-found') ? [] : [messageOf(result.reason)]
    })
    if (failed.length > 0) throw system(`could not thaw containers (try \`unpause\`): ${failed.join('; ')}`)
    this.#records.delete(backup)
  }

  #isRunning(id: string): boolean {
    try {
      return this.#ctx.containers.get(id).state.kind === 'running'
    } catch {
      return false
    }
  }
}
