import { readdirSync, readFileSync, rmSync, statSync, watch, type FSWatcher } from 'node:fs'
import { join } from 'node:path'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { Broadcast } from '#lib/emitter.ts'
import type { ExitReport } from '#ports/runtime.ts'

/** Milliseconds between scans that catch what inotify dropped (it drops events when its queue is full). */
const RESCAN = 5_000

/**
 * Watches the directory where the monitors leave exit codes. Each exit is reported once in the life of this object;
 * the files stay until `forget`, so that an exit that the daemon had no time to record is reported to the next one.
 */
export class ExitWatcher {
  readonly #directory: string
  readonly #oomKilled: (id: string) => boolean
  readonly #reports = new Broadcast<ExitReport>()
  /** Reported, and not forgotten yet. */
  readonly #seen = new Map<string, ExitReport>()
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(directory: string, oomKilled: (id: string) => boolean) {
    this.#directory = directory
    this.#oomKilled = oomKilled
  }

  subscribe(listener: (report: ExitReport) => void): () => void {
    const stop = this.#reports.subscribe(listener)
    if (this.#watcher) for (const report of this.#seen.values()) listener(report)
    this.#start()
    return () => {
      stop()
      if (this.#reports.size === 0) this.#stop()
    }
  }

  /** The exit of a container, if its monitor has left one. */
  read(id: string): ExitReport | undefined {
    const known = this.#seen.get(id)
    if (known) return known
    const path = join(this.#directory, id)
    try {
      const text = readFileSync(path, 'latin1').trim()
      if (!/^-?\d+$/.test(text)) return undefined
      const finishedAt = Math.floor(statSync(path).mtimeMs)
      // conmon writes -1 when it never learned the code.
      const exitCode = Number(text) < 0 ? 255 : Number(text)
      return { containerId: id, exitCode, finishedAt, oomKilled: this.#oomKilled(id) }
    } catch {
      return undefined
    }
  }

  /** Reports an exit that no monitor is left to report, or that of an exec. */
  report(report: ExitReport): void {
    if (report.execId === undefined) {
      if (this.#seen.has(report.containerId)) return
      this.#seen.set(report.containerId, report)
    }
    this.#reports.emit(report)
  }

  /** Reports the exit now if it is there, whether the kernel has told us yet or not. */
  check(id: string): ExitReport | undefined {
    const report = this.read(id)
    if (report) this.report(report)
    return report
  }

  forget(id: string): void {
    this.#seen.delete(id)
    rmSync(join(this.#directory, id), { force: true })
  }

  #start(): void {
    if (this.#watcher) return
    this.#watcher = watch(this.#directory, { persistent: false }, (_event, name) => {
      if (name !== null) this.#notice(name)
    })
    this.#watcher.on('error', () => {})
    this.#timer = setInterval(() => this.#rescan(), RESCAN).unref()
    this.#scan()
  }

  #stop(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    clearInterval(this.#timer)
  }

  /** A net below inotify: what it cannot read now (no descriptor left, the directory is gone) it looks at the next time. */
  #rescan(): void {
    try {
      this.#scan()
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'EMFILE', 'ENFILE')) throw error
    }
  }

  #scan(): void {
    for (const name of readdirSync(this.#directory)) this.#notice(name)
  }

  #notice(name: string): void {
    // The monitor writes to `ID.XXXXXX` and renames.
    if (name.includes('.') || this.#seen.has(name)) return
    this.check(name)
  }
}
