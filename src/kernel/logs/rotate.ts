import { existsSync, renameSync, rmSync, statSync, watch, type FSWatcher } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { logNames } from './files.ts'

/** Milliseconds between looks at a log that is being written to; the shorter one when it is about to be full. */
const SLOWEST = 1_000
const FASTEST = 20
/** Milliseconds for which the monitor may take to make the new file. */
const PATIENCE = 5_000

export interface RotationLimits {
  maxBytes: number
  /** The current file included. */
  maxFiles: number
}

/**
 * Keeps one log within its limits. A log at rest costs one inotify watch and no timer; one that is being written to is
 * looked at when, at its present rate, it will be full.
 */
export class LogRotation {
  readonly #path: string
  readonly #limits: RotationLimits
  readonly #reopen: () => Promise<void>
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #last = { size: 0, at: 0 }

  constructor(path: string, limits: RotationLimits, reopen: () => Promise<void>) {
    this.#path = path
    this.#limits = { maxBytes: limits.maxBytes, maxFiles: Math.max(1, limits.maxFiles) }
    this.#reopen = reopen
  }

  start(): void {
    void this.#look()
  }

  stop(): void {
    this.#stopped = true
    this.#watcher?.close()
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    if (this.#stopped) return
    const size = sizeOf(this.#path)
    if (size >= this.#limits.maxBytes) {
      try {
        await rotateOnce(this.#path, this.#limits.maxFiles, this.#reopen)
      } catch {
        return this.#again(SLOWEST) // a full or read-only disk: the log goes on as it is
      }
      this.#last = { size: 0, at: Date.now() }
      return this.#again(FASTEST)
    }
    const now = Date.now()
    const grown = size - this.#last.size
    const rate = grown / Math.max(1, now - this.#last.at)
    this.#last = { size, at: now }
    if (grown <= 0) return this.#rest()
    const left = (this.#limits.maxBytes - size) / rate
    this.#again(Math.max(FASTEST, Math.min(SLOWEST, left)))
  }

  #again(delay: number): void {
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#look(), delay).unref()
  }

  /** Waits for the next write. */
  #rest(): void {
    if (this.#stopped) return
    try {
      this.#watcher = watch(this.#path, { persistent: false }, () => {
        this.#watcher?.close()
        this.#watcher = undefined
        // The rate counts from here: the rest before would make it look low, and the next look come late.
        this.#last = { ...this.#last, at: Date.now() }
        this.#again(FASTEST)
      })
      this.#watcher.on('error', () => {})
      // Written to since the look, before the watch was there.
      if (sizeOf(this.#path) !== this.#last.size) {
        this.#watcher.close()
        this.#again(FASTEST)
      }
    } catch {
      this.#again(SLOWEST)
    }
  }
}

/**
 * `PATH` becomes `PATH.1`, `PATH.1` becomes `PATH.2` and so on, then the writer is told to reopen. Until it has, it goes
 * on writing to what is `PATH.1` now, so nothing is lost.
 */
export async function rotateOnce(path: string, maxFiles: number, reopen: () => Promise<void>): Promise<void> {
  const names = logNames(path).reverse()
  // In one go: a reader of this process sees the names before or after, never between.
  for (const name of names) {
    const number = name === path ? 0 : Number(name.slice(path.length + 1))
    if (number + 1 >= maxFiles && !(number === 0 && maxFiles === 1)) rmSync(name, { force: true })
    else renameSync(name, `${path}.${number + 1}`)
  }
  try {
    await reopen()
  } catch {
    return // the writer has gone: the log is complete
  }
  for (let waited = 0; waited < PATIENCE && !existsSync(path); waited += 2) await sleep(2)
  if (maxFiles === 1) rmSync(`${path}.1`, { force: true })
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return 0
    throw error
  }
}
