import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { FileStat, RootedFiles } from '#ports/files.ts'
import { foreignMount, type Reach } from './reach.ts'
import { HostRootedFiles } from './rooted-files.ts'
import { ThreadedRootedFiles } from './rooted-thread.ts'

/**
 * Files of this host's own disks are worked on at once; those of a file system that may not answer, on a thread that
 * can be left behind.
 */
export class GuardedRootedFiles implements RootedFiles {
  readonly #reach: Reach
  readonly #own: readonly string[]
  readonly #local = new HostRootedFiles()
  readonly #foreign = new ThreadedRootedFiles()

  /** @param own directories below which everything is on this host's own disks */
  constructor(reach: Reach, own: readonly string[]) {
    this.#reach = reach
    this.#own = own
  }

  async stat(root: string, path: string): Promise<FileStat> {
    return (await this.#for(root, path)).stat(root, path)
  }

  async read(root: string, path: string, maxBytes: number): Promise<string> {
    return (await this.#for(root, path)).read(root, path, maxBytes)
  }

  async resolve(root: string, path: string): Promise<string> {
    return (await this.#for(root, path)).resolve(root, path)
  }

  async makeDirectories(root: string, path: string, owner?: { uid: number; gid: number }): Promise<void> {
    return (await this.#for(root, path)).makeDirectories(root, path, owner)
  }

  async archive(root: string, path: string, options?: { xattrs?: boolean; name?: string }): Promise<Readable> {
    return (await this.#for(root, path)).archive(root, path, options)
  }

  async extract(
    root: string,
    path: string,
    tar: Readable,
    options?: { noOverwriteDirNonDir?: boolean; chown?: { uid: number; gid: number } },
  ): Promise<void> {
    return (await this.#for(root, path)).extract(root, path, tar, options)
  }

  /** @throws unavailable when the path is where nobody answers */
  async #for(root: string, path: string): Promise<RootedFiles> {
    if (this.#own.some(directory => root.startsWith(`${directory}/`))) return this.#local
    const whole = join(root, path)
    if (!foreignMount(whole)) return this.#local
    await this.#reach.check(whole)
    return this.#foreign
  }
}
