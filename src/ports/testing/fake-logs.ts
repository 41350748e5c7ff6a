import type { LogLine, Logs, ReadLogOptions } from '../logs.ts'

/** Logs in memory: the test appends, readers follow. Knows no rotation; limits given to `rotate` are noted. */
export class FakeLogs implements Logs {
  readonly files = new Map<string, LogLine[]>()
  readonly rotations = new Map<string, { maxBytes: number; maxFiles: number }>()
  #wake = Promise.withResolvers<void>()

  /** @param nanos since the epoch */
  append(path: string, text: string, stream: 'stdout' | 'stderr' = 'stdout', nanos = 0n): void {
    const time = `${new Date(Number(nanos / 1_000_000n)).toISOString().slice(0, 20)}${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`
    const lines = this.files.get(path) ?? []
    lines.push({ time, stream, data: Buffer.from(text) })
    this.files.set(path, lines)
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  async *read(path: string, options: ReadLogOptions): AsyncGenerator<LogLine> {
    const within = (line: LogLine) => {
      const nanos = BigInt(Date.parse(line.time)) * 1_000_000n
      return nanos >= options.since && (options.until <= 0n || nanos <= options.until)
    }
    let ended = false
    void options.ended.then(() => (ended = true))
    const lines = () => this.files.get(path) ?? []
    let at = options.tail === undefined ? 0 : Math.max(0, lines().length - options.tail)
    for (;;) {
      for (; at < lines().length; at++) if (within(lines()[at]!)) yield lines()[at]!
      if (!options.follow || ended || options.signal.aborted) return
      const aborted = new Promise<void>(resolve => options.signal.addEventListener('abort', () => resolve()))
      await Promise.race([this.#wake.promise, options.ended, aborted])
    }
  }

  rotate(path: string, limits: { maxBytes: number; maxFiles: number }): () => void {
    this.rotations.set(path, limits)
    return () => this.rotations.delete(path)
  }

  async size(path: string): Promise<number> {
    return (this.files.get(path) ?? []).reduce((sum, line) => sum + line.data.length, 0)
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path)
  }
}
