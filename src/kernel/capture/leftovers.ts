import fs from 'node:fs'
import path from 'node:path'
import { isAlive, startTime } from '#kernel/processes/proc.ts'

/**
 * Programs that shall not outlive the daemon: each has a file, named by its pid and holding its start time, by which the
 * next daemon finds those that a killed one left running.
 */
export class Leftovers {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Ends what a former daemon left. */
  sweep(): void {
    for (const name of this.#names()) {
      const file = path.join(this.#directory, name)
      const pid = Number(name)
      try {
        // A pid that somebody else has by now has another start time.
        if (pid > 0 && isAlive(pid, fs.readFileSync(file, 'utf8'))) process.kill(pid, 'SIGTERM')
      } catch {
        // Gone in between.
      }
      fs.rmSync(file, { force: true })
    }
  }

  note(pid: number): void {
    fs.mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    fs.writeFileSync(path.join(this.#directory, String(pid)), startTime(pid) ?? '')
  }

  forget(pid: number): void {
    fs.rmSync(path.join(this.#directory, String(pid)), { force: true })
  }

  #names(): string[] {
    try {
      return fs.readdirSync(this.#directory)
    } catch {
      return []
    }
  }
}
