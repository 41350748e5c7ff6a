import type { Files } from '#ports/files.ts'
import type { MeasureOptions, TreeSize, Usage } from '#ports/usage.ts'

/** Usage of a `FakeFiles`; what a test has `put` has the size that it says. Walks can be made to wait. */
export class FakeUsage implements Usage {
  readonly lanes = 4
  readonly #files: Files
  readonly #sizes = new Map<string, TreeSize>()
  readonly #stamps = new Map<string, string>()
  readonly #gates = new Map<string, Promise<void>>()
  /** Paths that were walked, in order. */
  readonly walked: string[] = []
  free = 1e9

  constructor(files: Files) {
    this.#files = files
  }

  put(path: string, size: TreeSize, stamp = 'one'): void {
    this.#sizes.set(path, size)
    this.#stamps.set(path, stamp)
  }

  /** Walks of the path do not end before the returned function is called. */
  hold(path: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gates.set(path, promise)
    return () => {
      this.#gates.delete(path)
      resolve()
    }
  }

  async measure(path: string, { signal }: MeasureOptions = {}): Promise<TreeSize> {
    signal?.throwIfAborted()
    this.walked.push(path)
    await this.#gates.get(path)
    signal?.throwIfAborted()
    const known = this.#sizes.get(path)
    if (known) return { ...known }
    const stat = await this.#files.stat(path)
    if (!stat) return { bytes: 0, files: 0 }
    const bytes = await this.#files.usage(path)
    return { bytes, files: stat.kind === 'directory' ? await this.#count(path) : 1 }
  }

  async stamp(path: string): Promise<string> {
    const known = this.#stamps.get(path)
    if (known !== undefined) return known
    return (await this.#files.stat(path)) ? `with ${(await this.#files.list(path)).join(' ')}` : ''
  }

  room(): number {
    return this.free
  }

  async close(): Promise<void> {}

  async #count(path: string): Promise<number> {
    let files = 0
    for (const name of await this.#files.list(path)) {
      files++
      if ((await this.#files.stat(`${path}/${name}`))?.kind === 'directory')
        files += await this.#count(`${path}/${name}`)
    }
    return files
  }
}
