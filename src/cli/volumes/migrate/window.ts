/** Bytes that are kept until the far side says that it has them. */
const LIMIT = 64 << 20

/**
 * A stream that can be read again from anywhere that has not been acknowledged: what a broken connection swallowed is sent
 * once more. When too much is on its way, the source waits.
 */
export class Window {
  readonly #source: AsyncIterator<Buffer>
  readonly #limit: number
  #chunks: Buffer[] = []
  /** Offset of the first chunk, and of the end of the last one. */
  #start = 0
  #end = 0
  #whole = false
  #wake: (() => void) | undefined
  /** Why the source ended too early. */
  failure: unknown

  constructor(source: AsyncIterable<Buffer>, limit = LIMIT) {
    this.#source = source[Symbol.asyncIterator]()
    this.#limit = limit
  }

  /** Everything before `offset` is safe. */
  acknowledge(offset: number): void {
    while (this.#chunks.length > 0 && this.#start + this.#chunks[0]!.length <= offset) {
      this.#start += this.#chunks.shift()!.length
    }
    this.#wake?.()
  }

  /** The rest of the stream. One reader at a time: a newer one takes the older one's place. */
  async *from(offset: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    if (offset < this.#start) throw new Error(`byte ${offset} is gone: it was acknowledged`)
    const wake = () => this.#wake?.()
    signal.addEventListener('abort', wake)
    try {
      for (let at = offset; ;) {
        if (signal.aborted) throw signal.reason
        const chunk = this.#at(at) ?? (await this.#more(at, signal))
        if (!chunk) return
        at += chunk.length
        yield chunk
      }
    } finally {
      signal.removeEventListener('abort', wake)
    }
  }

  #at(offset: number): Buffer | undefined {
    let begin = this.#start
    for (const chunk of this.#chunks) {
      if (offset < begin + chunk.length) return chunk.subarray(offset - begin)
      begin += chunk.length
    }
    return undefined
  }

  async #more(at: number, signal: AbortSignal): Promise<Buffer | undefined> {
    while (!this.#whole && this.#end - this.#start >= this.#limit && !signal.aborted) {
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    if (signal.aborted) throw signal.reason
    if (!this.#whole) await this.#pull()
    return this.#at(at)
  }

  /** Once: a reader whose connection broke while it waited may have been given a successor. */
  #pulling: Promise<void> | undefined
  #pull(): Promise<void> {
    return (this.#pulling ??= this.#next().finally(() => (this.#pulling = undefined)))
  }

  async #next(): Promise<void> {
    if (this.failure) throw this.failure
    try {
      const { done, value } = await this.#source.next()
      if (done) this.#whole = true
      else {
        this.#chunks.push(value)
        this.#end += value.length
      }
    } catch (error) {
      this.failure = error
      throw error
    }
  }
}
