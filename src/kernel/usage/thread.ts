import os from 'node:os'
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads'
import { BerthError, messageOf } from '#lib/errors.ts'
import type { TreeSize } from '#ports/usage.ts'
import { Calls, yieldDisk } from './calls.ts'
import type { Answer, Order } from './protocol.ts'
import { treeSize } from './walk.ts'

/** Milliseconds of walking before the orders are looked at. */
const SLICE = 10
const IDLE = 19

interface Job {
  walk: Generator<void, TreeSize>
  background: boolean
}

/** A thread that walks: what somebody waits for before what nobody does, and at that pace. */
class Walker {
  readonly #port: MessagePort
  readonly #nice: number
  readonly #calls = new Calls()
  readonly #jobs = new Map<number, Job>()
  #idle = false

  constructor(port: MessagePort, nice: number) {
    this.#port = port
    this.#nice = nice
  }

  start(): void {
    this.#port.on('message', (order: Order) => {
      this.#take(order)
      this.#work()
    })
  }

  #work(): void {
    while (this.#jobs.size > 0) {
      const [id, job] = this.#next()
      this.#setPace(job.background)
      this.#advance(id, job)
      for (let message; (message = receiveMessageOnPort(this.#port));) this.#take(message.message as Order)
    }
  }

  #take(order: Order): void {
    if ('end' in order) {
      this.#calls.free()
      return this.#port.close()
    }
    if (!('cancel' in order)) {
      const { id, path, background } = order
      this.#jobs.set(id, { walk: treeSize(this.#calls, path), background })
      return
    }
    this.#jobs.get(order.id)?.walk.return({ bytes: 0, files: 0 })
    this.#jobs.delete(order.id)
  }

  #next(): [number, Job] {
    for (const entry of this.#jobs) if (!entry[1].background) return entry
    return this.#jobs.entries().next().value!
  }

  #advance(id: number, { walk }: Job): void {
    const until = performance.now() + SLICE
    try {
      do {
        const step = walk.next()
        if (!step.done) continue
        this.#jobs.delete(id)
        return this.#say({ id, size: step.value })
      } while (performance.now() < until)
    } catch (error) {
      this.#jobs.delete(id)
      const errno = error instanceof BerthError ? String(error.details['errno'] ?? '') : ''
      this.#say({ id, error: messageOf(error), errno })
    }
  }

  #setPace(idle: boolean): void {
    if (idle === this.#idle) return
    this.#idle = idle
    // Of this thread alone: on Linux 0 is the calling thread, and each has a nice value of its own.
    os.setPriority(0, idle ? IDLE : this.#nice)
    yieldDisk(idle)
  }

  #say(answer: Answer): void {
    this.#port.postMessage(answer, [])
  }
}

if (parentPort) new Walker(parentPort, Number(workerData)).start()
