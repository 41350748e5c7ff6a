import { setImmediate } from 'node:timers/promises'

/** Milliseconds of work on trees before other work gets its turn. */
const SLICE = 3

/**
 * Work on file trees is written as synchronous generators, which yield between files: one system call costs a
 * microsecond or two, a trip to Node's thread pool thirty. This runs one in slices, so that requests are answered
 * meanwhile. A promise that is yielded is awaited, and its value (or error) given back to the generator.
 *
 * @returns what the generator returned
 */
export async function inSlices<T>(work: Generator<unknown, T, unknown>): Promise<T> {
  let start = performance.now()
  let step = work.next(undefined)
  for (;;) {
    if (step.done) return step.value
    if (step.value instanceof Promise) {
      step = await resumed(work, step.value)
      start = performance.now()
      continue
    }
    step = work.next(undefined)
    if (performance.now() - start > SLICE) {
      await setImmediate()
      start = performance.now()
    }
  }
}

async function resumed<T>(
  work: Generator<unknown, T, unknown>,
  waited: Promise<unknown>,
): Promise<IteratorResult<unknown, T>> {
  let value: unknown
  try {
    value = await waited
  } catch (error) {
    return work.throw(error)
  }
  return work.next(value)
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
