import fs from 'node:fs'
import * as libc from '#kernel/ffi/libc.ts'

const HERE = '/proc/thread-self/ns/net'

/**
 * Lets the main thread act inside another network namespace and come back. `work` is synchronous and must not start
 * anything on another thread (a thread made meanwhile would stay in the namespace).
 */
export class NetworkNamespaces {
  readonly #home: number
  readonly #homeInode: bigint
  #inside = false

  constructor() {
    this.#home = libc.open(HERE, libc.O_RDONLY)
    this.#homeInode = fs.fstatSync(this.#home, { bigint: true }).ino
  }

  /** @param sandbox path or open file descriptor of the namespace; undefined: stay in the daemon's */
  enter<T>(sandbox: string | number | undefined, work: () => T): T {
    if (sandbox === undefined) return work()
    const fd = typeof sandbox === 'number' ? sandbox : libc.open(sandbox, libc.O_RDONLY)
    try {
      return this.#away(() => libc.setns(fd, libc.CLONE_NEWNET), work)
    } finally {
      if (typeof sandbox === 'string') libc.close(fd)
    }
  }

  /** Runs `work` inside a namespace that did not exist before; it lives on only if `work` pins or opens it. */
  enterNew<T>(work: () => T): T {
    return this.#away(() => libc.unshare(libc.CLONE_NEWNET), work)
  }

  close(): void {
    libc.close(this.#home)
  }

  #away<T>(go: () => void, work: () => T): T {
    if (this.#inside) throw new Error('already inside a network namespace')
    this.#inside = true
    try {
      go()
      return work()
    } finally {
      this.#comeHome()
      this.#inside = false
    }
  }

  /** A daemon in the wrong namespace would wire every later container wrongly: better none. */
  #comeHome(): void {
    try {
      libc.setns(this.#home, libc.CLONE_NEWNET)
      if (fs.statSync(HERE, { bigint: true }).ino === this.#homeInode) return
    } catch {
      // Falls through.
    }
    fs.writeSync(2, 'berth: cannot return to the own network namespace, giving up\n')
    process.abort()
  }
}
