/**
 * Undo steps of a multi-step acquisition. Each acquisition registers its undo on the next line; `run` undoes in
 * reverse order, past errors, each step on its own deadline. "Already gone" counts as success (a step that finds
 * nothing simply returns). Undo errors are handed to `onError` and never thrown.
 */
export class Rollback {
  readonly #steps: { name: string; undo: () => unknown }[] = []
  readonly #onError: (name: string, error: unknown) => void
  readonly #deadline: number

  /** @param deadline milliseconds that one undo step may take */
  constructor(onError: (name: string, error: unknown) => void, deadline = 10_000) {
    this.#onError = onError
    this.#deadline = deadline
  }

  add(name: string, undo: () => unknown): void {
    this.#steps.push({ name, undo })
  }

  /** The acquisition succeeded: forget every undo step. */
  commit(): void {
    this.#steps.length = 0
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      const { name, undo } = step
      let timer: NodeJS.Timeout | undefined
      try {
        const late = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new Error(`undo took over ${this.#deadline} ms`)), this.#deadline)
        })
        await Promise.race([Promise.resolve().then(undo), late])
      } catch (error) {
        this.#onError(name, error)
      } finally {
        clearTimeout(timer)
      }
    }
  }
}
