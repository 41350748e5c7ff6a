import type { Context } from './context.ts'

/** Bytes that are sent at once. */
const FULL = 64 * 1024

/**
 * Joins many small pieces into few writes: a full batch is sent with back-pressure, a partial one when the event
 * loop next comes round, so that nothing waits for more to come.
 */
export class Batch {
  readonly #context: Context
  #pieces: Buffer[] = []
  #size = 0
  #timer: NodeJS.Immediate | undefined
  #sending: Promise<void> = Promise.resolve()

  constructor(context: Context) {
    this.#context = context
  }

  /** @returns a promise to wait for when the batch was full. It rejects with cancelled when the client has gone */
  add(piece: Buffer): Promise<void> | undefined {
    this.#pieces.push(piece)
    this.#size += piece.length
    if (this.#size >= FULL) return this.flush()
    // A failure of a send that nobody awaits is met again by the next one.
    this.#timer ??= setImmediate(() => void this.flush().catch(() => {}))
    return undefined
  }

  flush(): Promise<void> {
    clearImmediate(this.#timer)
    this.#timer = undefined
    if (this.#size > 0) {
      const bytes = Buffer.concat(this.#pieces, this.#size)
      this.#pieces = []
      this.#size = 0
      this.#sending = this.#sending.then(() => this.#context.write(bytes))
    }
    return this.#sending
  }
}
