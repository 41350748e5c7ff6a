import { statfsSync, statSync } from 'node:fs'
import os from 'node:os'
import { Worker } from 'node:worker_threads'
import { system } from '#lib/errors.ts'
import type { MeasureOptions, TreeSize, Usage } from '#ports/usage.ts'
import { Calls } from './calls.ts'
import type { Answer, Order } from './protocol.ts'
import { treeSize } from './walk.ts'

/** Milliseconds of walking that are done at once: to ask a thread costs more. */
const AT_ONCE = 2
/** Milliseconds that a thread without work is kept for the next. */
const REST = 5_000

/**
 * Walks trees by system calls of its own: small ones at once, others on threads, which are made when there is something
 * to walk and end when there is nothing. Work in the background has the lowest priority for processor and disk.
 */
export class KernelUsage implements Usage {
  readonly lanes: number
  readonly #pool: Thread[] = []
  #calls: Calls | undefined

  /** @param threads that walk side by side for who waits; what is in the background has one */
  constructor(threads = Math.max(1, Math.min(4, os.availableParallelism()))) {
    this.lanes = threads
  }

  async measure(path: string, options: MeasureOptions = {}): Promise<TreeSize> {
    const { signal, background = false } = options
    signal?.throwIfAborted()
    return this.#atOnce(path) ?? this.#thread(background).measure(path, background, signal)
  }

  async stamp(path: string): Promise<string> {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
    return stat ? `${stat.dev}:${stat.ino}:${stat.ctimeNs}:${stat.mtimeNs}` : ''
  }

  room(path: string): number {
    const { bsize, bavail } = statfsSync(path)
    return bavail * bsize
  }

  async close(): Promise<void> {
    await Promise.all(this.#pool.splice(0).map(thread => thread.end()))
  }

  #forget(thread: Thread): void {
    const at = this.#pool.indexOf(thread)
    if (at >= 0) this.#pool.splice(at, 1)
  }

  #atOnce(path: string): TreeSize | undefined {
    this.#calls ??= new Calls()
    const walk = treeSize(this.#calls, path)
    const until = performance.now() + AT_ONCE
    do {
      const step = walk.next()
      if (step.done) return step.value
    } while (performance.now() < until)
    walk.return({ bytes: 0, files: 0 })
    return undefined
  }

  /** The first thread has the background to itself, so that what somebody waits for finds the others free. */
  #thread(background: boolean): Thread {
    const free = background ? this.#pool[0] : this.#pool.find(thread => thread.waiting === 0)
    if (free) return free
    if (this.#pool.length < this.lanes) {
      const thread = new Thread(() => this.#forget(thread))
      this.#pool.push(thread)
      return thread
    }
    return this.#pool.reduce((least, thread) => (thread.waiting < least.waiting ? thread : least))
  }
}

interface Waiter {
  resolve: (size: TreeSize) => void
  reject: (error: unknown) => void
}

class Thread {
  readonly #worker: Worker
  readonly #waiters = new Map<number, Waiter>()
  readonly #onEnd: () => void
  #serial = 0
  #rest: NodeJS.Timeout | undefined

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
    this.#worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: os.getPriority(), execArgv: [] })
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => this.#hear(answer))
    this.#worker.on('error', error => this.#fail(error))
  }

  get waiting(): number {
    return this.#waiters.size
  }

  measure(path: string, background: boolean, signal: AbortSignal | undefined): Promise<TreeSize> {
    const id = this.#serial++
    clearTimeout(this.#rest)
    this.#worker.ref()
    const { promise, resolve, reject } = Promise.withResolvers<TreeSize>()
    this.#waiters.set(id, { resolve, reject })
    this.#tell({ id, path, background })
    const onAbort = () => {
      if (!this.#waiters.has(id)) return
      this.#tell({ id, cancel: true })
      this.#waiters.delete(id)
      this.#settle()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    return promise.finally(() => signal?.removeEventListener('abort', onAbort))
  }

  async end(): Promise<void> {
    clearTimeout(this.#rest)
    await this.#worker.terminate()
    this.#fail(system('measuring ended with the daemon'))
  }

  #tell(order: Order): void {
    this.#worker.postMessage(order, [])
  }

  #hear(answer: Answer): void {
    const waiter = this.#waiters.get(answer.id)
    this.#waiters.delete(answer.id)
    this.#settle()
    if ('size' in answer) waiter?.resolve(answer.size)
    else waiter?.reject(system(answer.error, { details: answer.errno ? { errno: answer.errno } : {} }))
  }

  /** Without work it keeps nothing waiting, and ends after a while. */
  #settle(): void {
    if (this.#waiters.size > 0) return
    this.#worker.unref()
    clearTimeout(this.#rest)
    this.#rest = setTimeout(() => {
      this.#onEnd()
      this.#tell({ end: true })
    }, REST).unref()
  }

  #fail(error: unknown): void {
    for (const waiter of this.#waiters.values()) waiter.reject(error)
    this.#waiters.clear()
    this.#onEnd()
  }
}
