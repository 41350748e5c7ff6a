import type { OnProgress, Progress } from './service.ts'

interface Work<T> {
  result: Promise<T>
  listeners: Set<OnProgress>
  /** The latest line of each id, so that who joins late sees the whole picture. */
  lines: Map<string, Progress>
  waiting: number
  controller: AbortController
}

/** Work that several callers ask for at once and that is done once. It is aborted when the last caller has gone. */
export class Shared<T> {
  readonly #works = new Map<string, Work<T>>()

  async run(
    key: string,
    onProgress: OnProgress,
    signal: AbortSignal | undefined,
    work: (onProgress: OnProgress, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted()
    const shared = this.#works.get(key) ?? this.#start(key, work)
    for (const line of shared.lines.values()) onProgress(line)
    // A listener object of its own: two callers may pass the same function.
    const listener: OnProgress = line => onProgress(line)
    shared.listeners.add(listener)
    shared.waiting++
    let stop: (() => void) | undefined
    try {
      if (!signal) return await shared.result
      const gone = new Promise<never>((_, reject) => {
        const onAbort = () => reject(signal.reason as Error)
        signal.addEventListener('abort', onAbort, { once: true })
        stop = () => signal.removeEventListener('abort', onAbort)
      })
      return await Promise.race([shared.result, gone])
    } finally {
      stop?.()
      shared.listeners.delete(listener)
      if (--shared.waiting === 0) {
        // A caller who comes from now on starts anew rather than joining what is being aborted.
        if (this.#works.get(key) === shared) this.#works.delete(key)
        shared.controller.abort(signal?.reason)
      }
    }
  }

  #start(key: string, work: (onProgress: OnProgress, signal: AbortSignal) => Promise<T>): Work<T> {
    const controller = new AbortController()
    const lines = new Map<string, Progress>()
    const listeners = new Set<OnProgress>()
    const emit: OnProgress = line => {
      lines.set(line.id === undefined ? `line ${lines.size}` : line.id, line)
      for (const listener of Array.from(listeners)) listener(line)
    }
    const result = Promise.resolve().then(() => work(emit, controller.signal))
    result.catch(() => {})
    const shared = { result, listeners, lines, waiting: 0, controller }
    this.#works.set(key, shared)
    return shared
  }
}
