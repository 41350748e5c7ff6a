import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { conflict, invalid, system } from '#lib/errors.ts'
import { KeyedLock } from '#lib/keyed-lock.ts'
import type { Snapshots } from '#ports/content.ts'
import type { Files } from '#ports/files.ts'
import type { Mounts } from '#ports/mounts.ts'
import type { Store } from '#ports/store.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as libc from '../ffi/libc.ts'
import { archiveOf, streamOf } from '../files/archive.ts'
import { Root } from '../files/root.ts'
import { inSlices } from '../files/slices.ts'
import { unpack } from '../files/unpack.ts'
import { Catalogue } from './catalogue.ts'
import type { SnapshotRecord } from './catalogue.ts'
import { changesOf } from './changes.ts'
import { Directories, forgetVolatile } from './directories.ts'

export interface SnapshotsOptions {
  store: Store
  mounts: Mounts
  files: Files
  /** `snapshots/` is made in it. Upper directories must lie on a file system that overlayfs takes (ext4, xfs, btrfs). */
  dataRoot: string
  /** `rootfs/` with the mount points is made in it. */
  execRoot: string
}

/**
 * Snapshots on overlayfs. A record is written when its directory is complete, and deleted before its directory is:
 * a directory without a record is what a crash left, and is swept. What is mounted is asked of the kernel, not
 * remembered, so a restarted daemon knows it too.
 */
export class HostSnapshots implements Snapshots {
  readonly #mounts: Mounts
  readonly #files: Files
  readonly #catalogue: Catalogue
  readonly #directories: Directories
  readonly #locks = new KeyedLock()
  readonly #deletions = new Set<Promise<void>>()

  constructor({ store, mounts, files, dataRoot, execRoot }: SnapshotsOptions) {
    this.#mounts = mounts
    this.#files = files
    this.#catalogue = new Catalogue(store.repository<SnapshotRecord>('snapshots'))
    const used = this.#catalogue.list().map(record => record.n)
    this.#directories = new Directories(dataRoot, execRoot, used)
  }

  exists(key: string): boolean {
    return this.#catalogue.has(key)
  }

  parentOf(key: string): string | undefined {
    return this.#catalogue.get(key).parent
  }

  list(): string[] {
    return this.#catalogue.list().map(record => record.key)
  }

  unpack(
    key: string,
    parent: string | undefined,
    layer: Readable,
    onProgress?: (bytes: number) => void,
    expectedDiffId?: string,
  ): Promise<{ diffId: string; size: number }> {
    return this.#locks.run(key, async () => {
      this.#catalogue.checkNew(key, parent)
      const n = this.#directories.take()
      try {
        const path = this.#directories.makeHidden(n)
        const hash = createHash('sha256')
        let bytes = 0
        // Without layers below there is nothing to delete.
        const whiteouts = parent === undefined ? 'drop' : 'overlay'
        await unpack(new Root(path), layer, { whiteouts, root: true }, piece => {
          hash.update(piece)
          bytes += piece.length
          onProgress?.(bytes)
        })
        const diffId = `sha256:${hash.digest('hex')}`
        if (expectedDiffId !== undefined && diffId !== expectedDiffId)
          throw invalid(`layer unpacks to ${diffId}, ${expectedDiffId} was announced: the image is corrupt`)
        const size = await this.#files.usage(path)
        this.#directories.publish(n)
        this.#catalogue.add({ key, n, parent, kind: 'committed', size })
        return { diffId, size }
      } catch (error) {
        await this.#files.remove(this.#directories.hidden(n))
        await this.#files.remove(this.#directories.of(n))
        throw error
      } finally {
        this.#directories.settle(n)
      }
    })
  }

  prepare(key: string, parent: string | undefined, options: { ephemeral?: boolean } = {}): Promise<void> {
    return this.#locks.run(key, async () => {
      this.#catalogue.checkNew(key, parent)
      const n = this.#directories.take()
      try {
        this.#directories.makeWritable(n, parent === undefined ? undefined : this.#catalogue.get(parent).n)
        const ephemeral = options.ephemeral ? { ephemeral: true } : {}
        this.#catalogue.add({ key, n, parent, kind: 'active', size: 0, ...ephemeral })
      } catch (error) {
        await this.#files.remove(this.#directories.of(n))
        throw error
      } finally {
        this.#directories.settle(n)
      }
    })
  }

  mount(key: string): Promise<string> {
    return this.#locks.run(key, async () => {
      const record = this.#catalogue.get(key)
      const target = this.#directories.mountPoint(record.n)
      if (this.#mounts.isMounted(target)) return target
      fs.mkdirSync(target, { recursive: true, mode: 0o755 })
      const below = this.#catalogue.ancestors(key).map(ancestor => this.#directories.fs(ancestor.n))
      if (record.kind === 'active') await this.#mountWritable(target, record, below)
      else if (below.length > 0)
        await this.#mounts.overlay(target, { lower: [this.#directories.fs(record.n), ...below] }, { readonly: true })
      // overlayfs wants two layers when none is writable.
      else await this.#mounts.bind(this.#directories.fs(record.n), target, { readonly: true })
      return target
    })
  }

  unmount(key: string): Promise<void> {
    return this.#locks.run(key, async () => {
      const record = this.#catalogue.find(key)
      if (record) await this.#unmountAt(this.#directories.mountPoint(record.n))
    })
  }

  isMounted(key: string): boolean {
    const record = this.#catalogue.find(key)
    return record !== undefined && this.#mounts.isMounted(this.#directories.mountPoint(record.n))
  }

  async diff(key: string): Promise<Readable> {
    const { n } = this.#catalogue.get(key)
    const fd = libc.open(this.#directories.fs(n), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
    return streamOf(fd, archiveOf(fd, '', { base: '', xattrs: true, overlay: true }))
  }

  async changes(key: string): Promise<{ Path: string; Kind: 0 | 1 | 2 }[]> {
    const { n } = this.#catalogue.get(key)
    const lower = this.#catalogue.ancestors(key).map(ancestor => this.#directories.fs(ancestor.n))
    return inSlices(changesOf(this.#directories.fs(n), [...lower, this.#directories.init]))
  }

  /** overlayfs makes its directory in `work` anew with each mount. */
  tree(key: string): { path: string; witness: string; inUse: boolean } {
    const { n } = this.#catalogue.get(key)
    return { path: this.#directories.fs(n), witness: this.#directories.work(n), inUse: this.isMounted(key) }
  }

  async usage(key: string): Promise<number> {
    const record = this.#catalogue.get(key)
    return record.kind === 'committed' ? record.size : this.#files.usage(this.#directories.fs(record.n))
  }

  remove(key: string): Promise<void> {
    return this.#locks.run(key, async () => {
      const record = this.#catalogue.find(key)
      if (!record) return
      this.#catalogue.checkUnused(key)
      await this.#unmountAt(this.#directories.mountPoint(record.n))
      this.#catalogue.remove(key)
      const name = this.#directories.discard(record.n)
      if (name === undefined) return
      const deletion = this.#files.remove(join(this.#directories.root, name))
      if (record.kind === 'committed') return deletion
      // A container is gone once nobody can see it; its blocks come back a moment later. What fails here is swept.
      const quiet = deletion.catch(() => {}).finally(() => this.#deletions.delete(quiet))
      this.#deletions.add(quiet)
    })
  }

  /**
   * For a daemon that stops: unmounts what no container runs on (read-only views of images), and lets deletions end.
   */
  async close(): Promise<void> {
    for (const record of this.#catalogue.list()) {
      if (record.kind === 'committed') await this.unmount(record.key)
    }
    await this.idle()
    const { mountRoot } = this.#directories
    if (this.#mounts.below(mountRoot).every(path => path === mountRoot)) await this.#mounts.unmount(mountRoot)
  }

  /** Resolves when everything removed has given its room back. */
  async idle(): Promise<void> {
    await Promise.all(this.#deletions)
  }

  async sweep(referenced?: ReadonlySet<string>): Promise<number> {
    // Taken before the first await: what is made later is nobody's business here.
    const records = this.#catalogue.list()
    const kept = referenced && closure(records, referenced)
    let freed = await this.#sweepStrays(records)
    for (const record of records) {
      if (!fs.existsSync(this.#directories.of(record.n)) && this.#childless(record.key)) await this.remove(record.key)
    }
    if (!kept) return freed
    // Insertion order has parents before children.
    for (const record of records.reverse()) {
      if (kept.has(record.key) || !this.#childless(record.key)) continue
      freed += this.#catalogue.has(record.key) ? await this.usage(record.key) : 0
      await this.remove(record.key)
    }
    await this.idle()
    return freed
  }

  async #mountWritable(target: string, record: SnapshotRecord, below: string[]): Promise<void> {
    const [upper, work] = [this.#directories.fs(record.n), this.#directories.work(record.n)]
    if (record.ephemeral) forgetVolatile(work)
    await this.#mounts.overlay(
      target,
      { lower: [...below, this.#directories.init], upper, work },
      { volatile: record.ephemeral === true },
    )
    try {
      demandWritable(target, upper)
    } catch (error) {
      await this.#unmountAt(target)
      throw error
    }
  }

  async #unmountAt(target: string): Promise<void> {
    if (!fs.existsSync(target)) return
    if (this.#mounts.isMounted(target)) await this.#mounts.unmount(target)
    try {
      fs.rmdirSync(target)
    } catch (cause) {
      throw conflict(`mount point ${target} cannot be removed`, { cause })
    }
  }

  /** What a crash left: directories and mount points without a record. */
  async #sweepStrays(records: SnapshotRecord[]): Promise<number> {
    const owned = new Set(records.map(record => record.n))
    for (const n of this.#directories.strayMountPoints(owned)) await this.#unmountAt(this.#directories.mountPoint(n))
    let freed = 0
    for (const name of this.#directories.strays(owned)) {
      const path = join(this.#directories.root, name)
      freed += await this.#files.usage(path)
      await this.#files.remove(path)
    }
    return freed
  }

  #childless(key: string): boolean {
    try {
      this.#catalogue.checkUnused(key)
      return true
    } catch {
      return false
    }
  }
}

/**
 * Where overlayfs cannot make its work directory, it mounts read-only and says so in the kernel's log only; the mount
 * stays so when there is room again.
 */
function demandWritable(target: string, upper: string): void {
  try {
    fs.accessSync(target, fs.constants.W_OK)
  } catch (cause) {
    if (!hasErrno(cause, 'EROFS')) throw cause
    const { bavail, ffree } = fs.statfsSync(upper)
    const full = bavail === 0 || ffree === 0
    const why = full ? 'no space left on device: free some with prune' : 'the kernel mounted it read-only, see its log'
    throw system(`root filesystem at ${upper} cannot be written: ${why}`, {
      cause,
      details: { errno: full ? 'ENOSPC' : 'EROFS' },
    })
  }
}

/** The named snapshots with all their ancestors. */
function closure(records: SnapshotRecord[], named: ReadonlySet<string>): Set<string> {
  const parents = new Map(records.map(record => [record.key, record.parent] as const))
  const kept = new Set<string>()
  for (const key of named) {
    for (let at: string | undefined = key; at !== undefined && !kept.has(at); at = parents.get(at)) kept.add(at)
  }
  return kept
}
