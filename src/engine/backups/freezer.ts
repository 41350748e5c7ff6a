import { isKind, messageOf, system } from '#lib/errors.ts'
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

  constructor(ctx: Context, records: Repository<FreezeRecord>) {
    this.#ctx = ctx
    this.#records = records
  }

  /** All or none; those that have ended meanwhile stand still anyway. */
  async freeze(backup: string, candidates: readonly string[]): Promise<void> {
    const mine = candidates.filter(id => this.#holders.has(id) || this.#isRunning(id))
    if (mine.length === 0) return
    this.#records.put(backup, { backup, containers: mine })
    const fresh = mine.filter(id => !this.#holders.has(id))
    for (const id of mine) this.#holders.set(id, (this.#holders.get(id) ?? new Set<string>()).add(backup))
    const results = await Promise.allSettled(fresh.map(async id => this.#ctx.containers.pause(id)))
    const refused: string[] = []
    for (const [i, result] of results.entries()) {
      if (result.status === 'fulfilled') continue
      // Ended, or paused by somebody else in the same moment: it stands still, and is not ours to thaw.
      if (isKind(result.reason, 'conflict') || isKind(result.reason, 'not-found')) this.#holders.delete(fresh[i]!)
      else refused.push(messageOf(result.reason))
    }
    if (refused.length === 0) return
    await this.thaw(backup)
    throw system(`could not freeze the containers that use the volumes: ${refused.join('; ')}`)
  }

  async thaw(backup: string): Promise<void> {
    const record = this.#records.get(backup)
    if (!record) return
    const free = record.containers.filter(id => {
      const holders = this.#holders.get(id)
      if (!holders?.delete(backup) || holders.size > 0) return false
      return this.#holders.delete(id)
    })
    await this.#letGo(backup, free)
  }

  /** After a restart: whatever a killed daemon left frozen goes on. */
  async recover(): Promise<void> {
    this.#holders.clear()
    for (const { backup, containers } of this.#records.list()) {
      for (const id of containers) {
        // Killed between freezing and saying so, the record still says that it runs: pausing it makes both agree.
        if (this.#isRunning(id)) await this.#ctx.containers.pause(id).catch(() => {})
      }
      await this.#letGo(backup, containers)
      this.#ctx.log.info('thawed what a backup had frozen', { backup, containers: containers.length })
    }
  }

  async #letGo(backup: string, containers: readonly string[]): Promise<void> {
    const results = await Promise.allSettled(containers.map(async id => this.#ctx.containers.unpause(id)))
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
