import { setImmediate } from 'node:timers/promises'

/** Milliseconds of work on trees before other work gets its turn. */
const SLICE = 3

/**
 * Work on file trees is written as synchronous generators, which yield between files: one system call costs a
 * microsecond or two, a trip to Node's thread pool thirty. This runs one in slices, so that requests are answered
 * meanwhile.
 *
 * @returns what the generator returned
 */
export async function inSlices<T>(work: Generator<unknown, T>): Promise<T> {
  let start = performance.now()
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
    if (performance.now() - start > SLICE) {
      await setImmediate()
      start = performance.now()
    }
  }
}

/** Lets other work run when a slice is over; for loops that await by themselves. */
export class Slice {
  #start = performance.now()

  async pause(): Promise<void> {
    if (performance.now() - this.#start <= SLICE) return
    await setImmediate()
    this.#start = performance.now()
  }
}
