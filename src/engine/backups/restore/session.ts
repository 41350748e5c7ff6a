import { once } from 'node:events'
import { PassThrough, type Readable } from 'node:stream'
import { BerthError, conflict, invalid, messageOf } from '#lib/errors.ts'
import type { BackupHeader, BackupSummary, RestoreProgress } from '#model/backup.ts'
import { announce } from '../context.ts'
import type { Context } from '../context.ts'
import type { StartRestore } from '../service.ts'
import { choose } from './choose.ts'
import { Places } from './places.ts'

/** Bytes that may wait to be unpacked. */
const BUFFER = 1 << 20

/** One archive being unpacked. */
interface Unpacking {
  input: PassThrough
  done: Promise<BackupSummary>
}

/**
 * A restore under way. Archives come in pieces and are unpacked as they come, into places out of sight; `commit` puts them
 * into the volumes. Whatever goes wrong before leaves the volumes as they are.
 */
export class RestoreSession {
  readonly id: string
  readonly #ctx: Context
  readonly #request: StartRestore
  readonly #places: Places
  #state: RestoreProgress['state'] = 'open'
  #error: BerthError | undefined
  #current: Unpacking | undefined
  /** What was restored before what comes now. */
  #previous: BackupHeader | undefined
  #offset = 0
  #earlier = { files: 0, bytes: 0 }
  #now = { files: 0, bytes: 0 }
  #summary: BackupSummary | undefined
  #volumes: string[] | undefined
  /** The piece that is being taken in. */
  #piece: { stream: Readable; over: Promise<void> } | undefined
  #finishing = false
  /** Settles when what is being put in its place is there, or back. */
  #placing: Promise<unknown> | undefined

  constructor(ctx: Context, id: string, request: StartRestore, places: Places) {
    this.id = id
    this.#ctx = ctx
    this.#request = request
    this.#places = places
  }

  /** Neither taking anything in nor finishing. */
  get isIdle(): boolean {
    return !this.#piece && !this.#finishing
  }

  progress(): RestoreProgress {
    return {
      id: this.id,
      state: this.#state,
      offset: this.#offset,
      files: this.#earlier.files + this.#now.files,
      bytes: this.#earlier.bytes + this.#now.bytes,
      ...(this.#error && { error: this.#error.message }),
      ...(this.#volumes && { volumes: this.#volumes }),
      ...(this.#summary && { summary: this.#summary }),
    }
  }

  /**
   * Takes in a piece; one that breaks half way counts as far as it came. A newer piece ends an older one: its sender has
   * come back before the broken connection was noticed.
   */
  async feed(offset: number, piece: Readable): Promise<RestoreProgress> {
    this.#piece?.stream.destroy()
    while (this.#piece) await this.#piece.over
    this.#demandOpen()
    if (offset !== this.#offset) {
      throw conflict(`restore ${this.id} goes on at byte ${this.#offset}, and not at ${offset}`, {
        details: { offset: this.#offset },
      })
    }
    const unpacking = (this.#current ??= this.#begin())
    const over = Promise.withResolvers<void>()
    this.#piece = { stream: piece, over: over.promise }
    try {
      await this.#pour(piece, unpacking)
    } finally {
      this.#piece = undefined
      over.resolve()
    }
    return this.progress()
  }

  /** The archive is complete; another follows. */
  async next(): Promise<RestoreProgress> {
    await this.#finish()
    this.#earlier = { files: this.#earlier.files + this.#now.files, bytes: this.#earlier.bytes + this.#now.bytes }
    this.#now = { files: 0, bytes: 0 }
    this.#offset = 0
    this.#state = 'open'
    return this.progress()
  }

  async commit(): Promise<RestoreProgress> {
    if (this.#state === 'done') return this.progress()
    await this.#finish()
    this.#demandAlive()
    this.#finishing = true
    try {
      const placing = this.#places.commit()
      this.#placing = placing.catch(() => {})
      const records = await placing
      this.#volumes = records.map(({ name }) => name)
      this.#state = this.#request.verify ? 'verified' : 'done'
      for (const { name } of records) {
        announce(this.#ctx, 'restore', name, { restore: this.id, digest: this.#summary?.digest ?? '' })
      }
      return this.progress()
    } catch (error) {
      throw await this.#fail(error)
    } finally {
      this.#finishing = false
    }
  }

  /** Gives everything back; what is just being put in its place is there then. */
  async abort(why: string): Promise<void> {
    await this.#placing
    if (this.#state === 'done' || this.#state === 'failed') return
    await this.#fail(new BerthError('cancelled', why))
  }

  #begin(): Unpacking {
    const input = new PassThrough({ highWaterMark: BUFFER })
    const done = this.#ctx.archives.unpack(input, {
      place: async header => this.#place(header),
      foreign: this.#request.foreign ? 'accept' : 'refuse',
      onProgress: progress => (this.#now = progress),
    })
    // Heard of at the next piece or at the end, and until then not unhandled.
    done.catch(() => input.destroy())
    input.on('error', () => {})
    return { input, done }
  }

  async #place(header: BackupHeader | undefined): Promise<(string | undefined)[]> {
    const choices = choose(header, this.#request, this.#previous)
    return this.#places.open(choices)
  }

  async #pour(piece: Readable, { input, done }: Unpacking): Promise<void> {
    const failed = done.then(
      () => {
        throw invalid('there is more after the end of the archive')
      },
      (error: unknown) => {
        throw error
      },
    )
    failed.catch(() => {})
    let refused = false
    try {
      for await (const chunk of piece as AsyncIterable<Buffer>) {
        if (input.destroyed) {
          refused = true
          await failed
        }
        const room = input.write(chunk)
        this.#offset += chunk.length
        if (room) continue
        const quit = new AbortController()
        refused = true
        await Promise.race([once(input, 'drain', { signal: quit.signal }).catch(() => {}), failed]).finally(() =>
          quit.abort(),
        )
        refused = false
      }
    } catch (error) {
      if (refused) throw await this.#fail(error)
      throw new BerthError('cancelled', `the piece broke off; restore ${this.id} goes on at byte ${this.#offset}`, {
        cause: error,
      })
    }
  }

  /** Waits until what was fed is unpacked and checked as a whole. */
  async #finish(): Promise<void> {
    if (this.#piece) throw conflict(`restore ${this.id} is still taking in a piece`)
    this.#demandOpen()
    if (!this.#current) throw invalid(`restore ${this.id} was given nothing of the archive`)
    const { input, done } = this.#current
    this.#finishing = true
    try {
      input.end()
      const summary = await done
      this.#demandAlive()
      this.#summary = summary
      this.#previous = this.#summary.header
      this.#current = undefined
      this.#state = 'verified'
    } catch (error) {
      throw await this.#fail(error)
    } finally {
      this.#finishing = false
    }
  }

  /** @returns the error to throw */
  async #fail(cause: unknown): Promise<BerthError> {
    const error =
      cause instanceof BerthError ? cause : new BerthError('system', `restore failed: ${messageOf(cause)}`, { cause })
    if (this.#state === 'failed') return this.#error ?? error
    this.#state = 'failed'
    this.#error = error
    this.#piece?.stream.destroy()
    this.#current?.input.destroy()
    // What still writes into the places must have stopped before they go.
    await this.#current?.done.catch(() => {})
    await this.#places.abort()
    return error
  }

  #demandAlive(): void {
    if (this.#error) throw new BerthError(this.#error.kind, this.#error.message, { cause: this.#error.cause })
  }

  #demandOpen(): void {
    this.#demandAlive()
    if (this.#state !== 'open' || this.#finishing)
      throw conflict(`restore ${this.id} is complete: nothing more fits in`)
  }
}
