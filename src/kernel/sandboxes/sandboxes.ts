import fs from 'node:fs'
import path from 'node:path'
import { conflict, invalid } from '#lib/errors.ts'
import type { Sandboxes } from '#ports/links.ts'
import { hasErrno, nodeError } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { shareDirectory } from '#kernel/mounts/share-directory.ts'
import type { NamespacePool } from './pool.ts'

const NSFS_MAGIC = 0x6e736673

/** Network namespaces pinned at `<directory>/<id>` by bind mounts. */
export class KernelSandboxes implements Sandboxes {
  readonly #directory: string
  readonly #pool: NamespacePool
  readonly #onError: (error: unknown) => void
  #removals: Promise<void> = Promise.resolve()

  /**
   * @param directory `<exec-root>/netns`; made, and made a mount point of its own with shared propagation, so that mount
   *   namespaces copied from the daemon's lose a namespace when the daemon unmounts it
   * @param onError hears of queued removals that failed
   */
  constructor(directory: string, pool: NamespacePool, onError: (error: unknown) => void) {
    this.#directory = directory
    this.#pool = pool
    this.#onError = onError
    fs.mkdirSync(directory, { recursive: true, mode: 0o755 })
    shareDirectory(directory)
    this.#forgetHalfMade()
    pool.refill()
  }

  async create(id: string): Promise<string> {
    const target = this.#pathOf(id)
    try {
      fs.closeSync(fs.openSync(target, 'wx', 0o444))
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw nodeError(`create sandbox ${id}`, error)
      if (isNamespace(target)) {
        throw conflict(`sandbox ${id} exists already`, { details: { errno: 'EEXIST' } })
      }
      // The file of a creation that a crash cut short.
    }
    try {
      const fd = await this.#pool.take()
      try {
        libc.mount(`/proc/self/fd/${fd}`, target, null, libc.MS_BIND)
      } finally {
        libc.close(fd)
      }
    } catch (error) {
      fs.rmSync(target, { force: true })
      throw error
    }
    return target
  }

  find(id: string): string | undefined {
    const target = this.#pathOf(id)
    return isNamespace(target) ? target : undefined
  }

  list(): string[] {
    return fs.readdirSync(this.#directory).filter(id => isNamespace(path.join(this.#directory, id)))
  }

  remove(id: string): void {
    const target = this.#pathOf(id)
    this.#removals = this.#removals.then(() => removeNow(target)).catch(this.#onError)
  }

  settled(): Promise<void> {
    return this.#removals
  }

  ofProcess(pid: number): string {
    return `/proc/${pid}/ns/net`
  }

  /** Files of creations and removals that a crash cut short. */
  #forgetHalfMade(): void {
    for (const id of fs.readdirSync(this.#directory)) {
      const target = path.join(this.#directory, id)
      if (!isNamespace(target)) fs.rmSync(target, { force: true })
    }
  }

  #pathOf(id: string): string {
    if (!/^[\w][\w.-]*$/.test(id))
      throw invalid(`"${id}" is not a sandbox id: letters, digits, dots, dashes and underscores`)
    return path.join(this.#directory, id)
  }
}

async function removeNow(target: string): Promise<void> {
  try {
    // On a pool thread: unmounting waits for a grace period.
    await libc.umount2Async(target, libc.MNT_DETACH | libc.UMOUNT_NOFOLLOW)
  } catch (error) {
    // EINVAL: not mounted.
    if (!hasErrno(error, 'EINVAL', 'ENOENT')) throw error
  }
  fs.rmSync(target, { force: true })
}

function isNamespace(target: string): boolean {
  try {
    return libc.statfs(target).type === NSFS_MAGIC
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false
    throw error
  }
}
