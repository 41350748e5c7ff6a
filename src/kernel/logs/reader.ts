import { closeSync, fstatSync, watch, type FSWatcher } from 'node:fs'
import { basename, dirname } from 'node:path'
import { readRecords, timeKey, type LogRecord, type LogWindow } from '#codec/k8s-log.ts'
import type { LogLine, ReadLogOptions } from '#ports/logs.ts'
import { openLogs, type OpenLog } from './files.ts'
import { readAt } from './read-at.ts'
import { findTail } from './tail.ts'

const CHUNK = 256 * 1024
/** Milliseconds between looks at a followed log, for file systems that tell of no changes. */
const FALLBACK = 200

/**
 * Reads a log across rotations. Every file is opened as soon as it is known and read to its end before the next, so that
 * renaming and even deleting loses nothing of what a reader has begun with.
 */
export class LogReader {
  readonly #path: string
  readonly #options: ReadLogOptions
  readonly #window: LogWindow
  /** Oldest first; the first is being read. */
  #files: OpenLog[] = []
  #newest: string | undefined
  #offset = 0
  #watcher: FSWatcher | undefined
  #wake: (() => void) | undefined
  #changed = false
  #ended = false
  #past = false
  #closed = false

  constructor(path: string, options: ReadLogOptions) {
    this.#path = path
    this.#options = options
    this.#window = { since: timeKey(options.since), until: timeKey(options.until) }
  }

  async *lines(): AsyncGenerator<LogLine> {
    try {
      if (this.#options.follow) this.#watch()
      this.#discover()
      await this.#skipToTail()
      let batch: LogRecord[] | undefined
      while ((batch = await this.#nextBatch())) {
        // Not `yield*`, which awaits an iterator's results.
        for (const record of batch) yield record
      }
    } finally {
      this.#close()
    }
  }

  /** @returns undefined at the end of what is asked for */
  async #nextBatch(): Promise<LogRecord[] | undefined> {
    const batch: LogRecord[] = []
    while (!this.#options.signal.aborted && !this.#past) {
      const last = this.#files.length <= 1
      const ended = this.#ended
      this.#changed = false
      const result = await this.#readChunk(batch)
      if (result === 'past') return batch.length > 0 ? batch : undefined
      if (batch.length > 0) return batch
      if (result === 'more') continue
      // The end of this file, and it was so before the next one was looked for: its writer has left it.
      if (!last) this.#advance()
      else if (this.#discover() > 0) continue
      else if (!this.#options.follow || (ended && this.#files.length <= 1)) return undefined
      else if (this.#pastUntil()) return undefined
      else await this.#pause()
    }
    return undefined
  }

  async #readChunk(batch: LogRecord[]): Promise<'more' | 'end' | 'past'> {
    const file = this.#files[0]
    if (!file) return 'end'
    for (let size = CHUNK; ; size *= 2) {
      const buffer = Buffer.allocUnsafeSlow(size)
      const length = await readAt(file.fd, buffer, this.#offset)
      if (length === 0) return 'end'
      const next = readRecords(buffer.subarray(0, length), 0, this.#window, record => void batch.push(record))
      if (next < 0) {
        this.#past = true
        return 'past'
      }
      this.#offset += next
      if (next > 0) return 'more'
      // No newline yet: a record that is still being written, or one larger than the buffer.
      if (length < size) return 'end'
    }
  }

  #watch(): void {
    const base = basename(this.#path)
    try {
      this.#watcher = watch(dirname(this.#path), { persistent: false }, (event, name) => {
        if (name !== null && !name.startsWith(base)) return
        // Hold on to a new file before a further rotation can remove it.
        if (event === 'rename') this.#discover()
        this.#notify()
      })
      this.#watcher.on('error', () => {})
    } catch {
      // No inotify watch to be had: the fallback interval does.
    }
    const onEnd = () => {
      this.#ended = true
      this.#notify()
    }
    this.#options.ended.then(onEnd, onEnd)
    this.#options.signal.addEventListener('abort', () => this.#notify(), { once: true })
  }

  #notify(): void {
    this.#changed = true
    this.#wake?.()
  }

  async #pause(): Promise<void> {
    if (this.#changed || this.#ended) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      this.#wake = resolve
      timer = setTimeout(resolve, FALLBACK)
    })
    clearTimeout(timer)
  }

  #pastUntil(): boolean {
    return this.#options.until > 0n && BigInt(Date.now()) * 1_000_000n > this.#options.until
  }

  /** @returns how many files are new */
  #discover(): number {
    if (this.#closed) return 0
    const files = openLogs(this.#path, this.#newest)
    this.#files.push(...files)
    this.#newest = files.at(-1)?.identity ?? this.#newest
    return files.length
  }

  async #skipToTail(): Promise<void> {
    const { tail } = this.#options
    while (this.#files.length > 1 && this.#options.since > fstatSync(this.#files[0]!.fd, { bigint: true }).mtimeNs) {
      this.#advance()
    }
    if (tail === undefined || this.#files.length === 0) return
    const { index, offset } = await findTail(this.#files, tail)
    for (let i = 0; i < index; i++) this.#advance()
    this.#offset = offset
  }

  #advance(): void {
    const done = this.#files.shift()
    if (done) closeSync(done.fd)
    this.#offset = 0
  }

  #close(): void {
    this.#closed = true
    this.#watcher?.close()
    for (const file of this.#files.splice(0)) closeSync(file.fd)
  }
}
