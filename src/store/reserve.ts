import { rmSync, statSync, writeFileSync } from 'node:fs'

/** Bytes: room for the log of some hundred changes. */
const SIZE = 1 << 20

/** Milliseconds between looks whether there is room for it again. */
const REGAIN = 60_000

/**
 * A file that only takes room. On a full disk it is deleted, so that the changes that free room can still be written.
 */
export class Reserve {
  readonly #path: string
  #held: boolean
  #regain: NodeJS.Timeout | undefined

  constructor(path: string) {
    this.#path = path
    this.#held = this.#make()
  }

  /** @returns whether there was something to give */
  give(): boolean {
    if (!this.#held) return false
    this.#held = false
    rmSync(this.#path, { force: true })
    this.#regain = setInterval(() => this.#tryAgain(), REGAIN).unref()
    return true
  }

  close(): void {
    clearInterval(this.#regain)
    this.#tryAgain()
  }

  #tryAgain(): void {
    this.#held ||= this.#make()
    if (this.#held) clearInterval(this.#regain)
  }

  #make(): boolean {
    if (statSync(this.#path, { throwIfNoEntry: false })?.size === SIZE) return true
    try {
      writeFileSync(this.#path, Buffer.alloc(SIZE))
      return true
    } catch {
      // The disk is full now: a part of it would be no use.
      rmSync(this.#path, { force: true })
      return false
    }
  }
}
