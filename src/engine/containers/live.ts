import { Broadcast } from '#lib/emitter.ts'
import type { Exit } from '#model/container.ts'
import type { PendingAttachment } from './pending-attachment.ts'

/** What a container has in memory only. */
export class LiveContainer {
  /** Each end of a run. */
  readonly exits = new Broadcast<Exit>()
  readonly removed = new Broadcast<Exit>()
  /** Clients that attached before the start. */
  readonly pending = new Set<PendingAttachment>()
  /** A restart that waits for its time. */
  restartTimer: AbortController | undefined
  health: AbortController | undefined
  stopRotation: (() => void) | undefined
  /** A stop was asked for: its event comes after `die`. */
  stopAsked = false
  /** A restart is under way: `AutoRemove` must not take it. */
  keep = false
  /** Readers of the root filesystem (cp, export): it stays mounted for them. */
  rootUsers = 0
  /** Ends of the run, of which `logs -f` hears. */
  runEnded: PromiseWithResolvers<void> | undefined
  /** Restarts in a row without a long run. */
  backoff = 0

  nextExit(): Promise<Exit> {
    return new Promise(resolve => {
      const unsubscribe = this.exits.subscribe(exit => {
        unsubscribe()
        resolve(exit)
      })
    })
  }
}

const TOMBSTONES = 512

export class Live {
  readonly #containers = new Map<string, LiveContainer>()
  /** How those removed lately ended, for a client that asks after. Oldest first. */
  readonly #tombstones = new Map<string, Exit>()

  of(id: string): LiveContainer {
    let container = this.#containers.get(id)
    if (!container) this.#containers.set(id, (container = new LiveContainer()))
    return container
  }

  /** As `of`, but makes nothing. */
  peek(id: string): LiveContainer | undefined {
    return this.#containers.get(id)
  }

  bury(id: string, exit: Exit): void {
    this.#containers.get(id)?.removed.emit(exit)
    this.#containers.delete(id)
    this.#tombstones.set(id, exit)
    for (const oldest of this.#tombstones.keys()) {
      if (this.#tombstones.size <= TOMBSTONES) break
      this.#tombstones.delete(oldest)
    }
  }

  /** Of a container that is gone. */
  tombstone(id: string): Exit | undefined {
    return this.#tombstones.get(id)
  }

  all(): IterableIterator<[string, LiveContainer]> {
    return this.#containers.entries()
  }
}
