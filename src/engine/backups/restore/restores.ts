import { notFound } from '#lib/errors.ts'
import type { RestoreProgress } from '#model/backup.ts'
import type { Context } from '../context.ts'
import type { StartRestore } from '../service.ts'
import { Places } from './places.ts'
import type { Claims } from './places.ts'
import { RestoreSession } from './session.ts'

/** Milliseconds without a request after which a restore is given up, and one that is over is forgotten. */
const IDLE = 15 * 60_000

/** The restores under way, and those that ended lately. */
export class Restores {
  readonly #ctx: Context
  readonly #claims: Claims = new Map()
  readonly #sessions = new Map<string, { session: RestoreSession; timer: AbortController }>()

  constructor(ctx: Context) {
    this.#ctx = ctx
  }

  open(request: StartRestore): RestoreProgress {
    const id = this.#ctx.randomHex(32)
    const session = new RestoreSession(this.#ctx, id, request, new Places(this.#ctx, this.#claims, id, request.replace))
    this.#sessions.set(id, { session, timer: new AbortController() })
    this.#touch(id)
    return session.progress()
  }

  /** @throws not-found */
  get(id: string): RestoreSession {
    const known = this.#sessions.get(id)
    if (!known) throw notFound(`no such restore: ${id} (it ends when nothing is heard of it for 15 minutes)`)
    return known.session
  }

  async use<T>(id: string, work: (session: RestoreSession) => Promise<T>): Promise<T> {
    const session = this.get(id)
    this.#touch(id)
    try {
      return await work(session)
    } finally {
      this.#touch(id)
    }
  }

  async abort(id: string): Promise<void> {
    const session = this.get(id)
    await session.abort('the restore was given up')
    this.#forget(id)
  }

  async close(): Promise<void> {
    const sessions = Array.from(this.#sessions.values(), ({ session }) => session)
    for (const id of Array.from(this.#sessions.keys())) this.#forget(id)
    await Promise.all(sessions.map(session => session.abort('the daemon is stopping')))
  }

  #touch(id: string): void {
    const known = this.#sessions.get(id)
    if (!known) return
    known.timer.abort()
    known.timer = new AbortController()
    this.#ctx.clock.sleep(IDLE, known.timer.signal).then(
      () => this.#idle(id, known.session),
      () => {},
    )
  }

  #idle(id: string, session: RestoreSession): void {
    if (!session.isIdle) return this.#touch(id)
    this.#forget(id)
    void session.abort('nothing was heard of the restore for 15 minutes')
  }

  #forget(id: string): void {
    this.#sessions.get(id)?.timer.abort()
    this.#sessions.delete(id)
  }
}
