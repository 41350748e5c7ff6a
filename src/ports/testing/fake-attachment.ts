import { Writable } from 'node:stream'
import type { Attachment } from '../runtime.ts'

type Message = { stream: 'stdout' | 'stderr'; data: Buffer }

/** An attachment whose process is the test. */
export class FakeAttachment implements Attachment {
  readonly output: AsyncIterable<Message>
  readonly stdin: Writable
  readonly #queue: Message[] = []
  readonly #hooks: { onClose: () => void }
  #wake: (() => void) | undefined
  #ended = false

  constructor(hooks: { onData: (data: Buffer) => void; onEnd: () => void; onClose: () => void }) {
    this.#hooks = hooks
    this.stdin = new Writable({
      write(chunk: Buffer, _encoding, done) {
        hooks.onData(chunk)
        done()
      },
      final(done) {
        hooks.onEnd()
        done()
      },
    })
    this.output = this.#iterate()
  }

  push(stream: 'stdout' | 'stderr', data: Buffer): void {
    this.#queue.push({ stream, data })
    this.#wake?.()
  }

  /** The process has closed its output: what is queued is still read. */
  finish(): void {
    this.#ended = true
    this.#hooks.onClose()
    this.#wake?.()
  }

  close(): void {
    this.#queue.length = 0
    this.finish()
  }

  async *#iterate(): AsyncGenerator<Message> {
    for (;;) {
      const message = this.#queue.shift()
      if (message) yield message
      else if (this.#ended) return
      else await new Promise<void>(resolve => (this.#wake = resolve))
    }
  }
}
