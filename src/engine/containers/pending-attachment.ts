import { PassThrough } from 'node:stream'
import type { Attachment } from '#ports/runtime.ts'

type Message = { stream: 'stdout' | 'stderr'; data: Buffer }

/** An attachment made before the container starts: `start` binds it between create and exec, so nothing is lost. */
export class PendingAttachment implements Attachment {
  readonly output: AsyncIterable<Message>
  readonly stdin = new PassThrough()
  readonly wantsStdin: boolean
  readonly #bound = Promise.withResolvers<Attachment | undefined>()
  readonly #onClose: () => void
  #real: Attachment | undefined
  #closed = false

  constructor(wantsStdin: boolean, onClose: () => void) {
    this.wantsStdin = wantsStdin
    this.#onClose = onClose
    this.stdin.on('error', () => {})
    this.output = this.#read()
  }

  /** Connects to the process that has been created now. */
  bind(real: Attachment): void {
    if (this.#closed) return real.close()
    this.#real = real
    const stdin = real.stdin as NodeJS.WritableStream
    stdin.on('error', () => {})
    this.stdin.pipe(stdin)
    this.#bound.resolve(real)
  }

  /** There will be no process: the output ends. */
  abandon(): void {
    this.#bound.resolve(undefined)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClose()
    this.stdin.unpipe()
    this.#real?.close()
    this.abandon()
  }

  async *#read(): AsyncGenerator<Message> {
    const real = await this.#bound.promise
    if (real) yield* real.output
  }
}
