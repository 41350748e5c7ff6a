import { Worker } from 'node:worker_threads'
import { BerthError, system } from '#lib/errors.ts'
import type { FromWorker, Job, ToWorker } from './protocol.ts'

/** Milliseconds that a worker is kept after its last job: starting one takes some 50. */
const IDLE = 30_000

/** One job on a worker. */
export interface Running<T> {
  result: Promise<T>
  send(message: ToWorker, transfer?: ArrayBuffer[]): void
  abort(): void
  progress(): { files: number; bytes: number; storedBytes: number }
}

interface Slot {
  worker: Worker
  job: { onMessage: (message: FromWorker) => void; fail: (error: Error) => void } | undefined
  timer: NodeJS.Timeout | undefined
}

/** Threads for archives: as many as there are jobs, and some kept for the next. */
export class Workers {
  readonly #idle: Slot[] = []
  /** Give up what runs. */
  readonly #running = new Set<() => void>()

  /** @param onMessage of the job, but its result */
  run<T>(job: Job, onMessage: (message: FromWorker) => void = () => {}): Running<T> {
    const shared = { progress: new SharedArrayBuffer(24), aborted: new SharedArrayBuffer(4) }
    const counters = new Float64Array(shared.progress)
    const slot = this.#idle.pop() ?? this.#start()
    clearTimeout(slot.timer)
    slot.worker.ref()
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const current: Slot['job'] = {
      onMessage: message => {
        if (message.kind !== 'done' && message.kind !== 'failed') return onMessage(message)
        this.#rest(slot)
        this.#running.delete(abort)
        if (message.kind === 'done') resolve(message.result as T)
        else reject(new BerthError(message.error.kind, message.error.message, { details: message.error.details }))
      },
      fail: error => {
        this.#running.delete(abort)
        reject(error)
      },
    }
    slot.job = current
    // What is said too late must not reach the next job.
    const send = (message: ToWorker, transfer: ArrayBuffer[] = []) => {
      if (slot.job === current) slot.worker.postMessage(message, transfer)
    }
    const abort = () => {
      Atomics.store(new Int32Array(shared.aborted), 0, 1)
      send({ kind: 'abort' })
    }
    this.#running.add(abort)
    send({ kind: 'job', job, shared })
    return {
      result: promise,
      send,
      abort,
      progress: () => ({ files: counters[0]!, bytes: counters[1]!, storedBytes: counters[2]! }),
    }
  }

  /** Gives up what runs, and ends the threads that rest. */
  close(): void {
    for (const abort of this.#running) abort()
    for (const slot of this.#idle.splice(0)) this.#end(slot)
  }

  #start(): Slot {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { name: 'archives', execArgv: [] })
    const slot: Slot = { worker, job: undefined, timer: undefined }
    worker.on('message', (message: FromWorker) => slot.job?.onMessage(message))
    worker.on('error', (cause: unknown) => slot.job?.fail(system('the thread for archives failed', { cause })))
    worker.on('exit', () => {
      slot.job?.fail(system('the thread for archives ended'))
      const at = this.#idle.indexOf(slot)
      if (at >= 0) this.#idle.splice(at, 1)
    })
    return slot
  }

  #rest(slot: Slot): void {
    slot.job = undefined
    slot.worker.unref()
    slot.timer = setTimeout(() => this.#end(slot), IDLE).unref()
    this.#idle.push(slot)
  }

  #end(slot: Slot): void {
    const at = this.#idle.indexOf(slot)
    if (at >= 0) this.#idle.splice(at, 1)
    clearTimeout(slot.timer)
    void slot.worker.terminate()
  }
}
