import { familiarText, parseReference } from '#codec/oci/reference.ts'
import { KeyedLock } from '#lib/keyed-lock.ts'
import { bootstrap } from './bootstrap.ts'
import { Catalog } from './catalog.ts'
import { commit } from './commit.ts'
import { diskUsage } from './disk-usage.ts'
import { importTar } from './import.ts'
import { Leases } from './leases.ts'
import { list } from './list.ts'
import { load } from './load.ts'
import { planPrune } from './plan-prune.ts'
import { prune } from './prune.ts'
import { pull } from './pull.ts'
import { push } from './push.ts'
import { remove } from './remove.ts'
import { resolve } from './resolve.ts'
import { createRootfs, mountImage, removeRootfs } from './rootfs.ts'
import { save } from './save.ts'
import { Shared } from './shared.ts'
import { shielded } from './streams.ts'
import { sweep } from './sweep.ts'
import { tag } from './tag.ts'
import type { Filters } from '#model/filters.ts'
import type { ImageRecord, Platform } from '#model/image.ts'
import type { Readable } from 'node:stream'
import type { ImagesContext, ImagesOptions } from './context.ts'
import type { ImportOptions } from './import.ts'
import type { BootstrapOptions, CommitOptions, ImagesService, OnProgress, PullOptions } from './service.ts'

/** The image service: each verb is a file of this folder. Records it hands out must not be changed in place. */
export class Images implements ImagesService {
  readonly #ctx: ImagesContext

  constructor(options: ImagesOptions) {
    this.#ctx = {
      ...options,
      catalog: new Catalog(options.store),
      leases: new Leases(),
      locks: new KeyedLock(),
      pulls: new Shared(),
    }
  }

  resolve(reference: string, platform?: Platform): ImageRecord {
    return resolve(this.#ctx.catalog, reference, platform)
  }

  familiar(reference: string): string {
    if (/^(?:sha256:)?[a-f0-9]{64}$/.test(reference)) return reference
    return familiarText(parseReference(reference))
  }

  async list(filters: Filters, options?: { all?: boolean; sharedSize?: boolean }) {
    return list(this.#ctx, filters, options)
  }

  pull(options: PullOptions, onProgress: OnProgress): Promise<ImageRecord> {
    return pull(this.#ctx, options, onProgress)
  }

  push(options: PullOptions, onProgress: OnProgress): Promise<void> {
    return push(this.#ctx, options, onProgress)
  }

  tag(source: string, target: string): void {
    tag(this.#ctx, source, target)
  }

  remove(reference: string, options: { force: boolean; noPrune: boolean }) {
    return remove(this.#ctx, reference, options)
  }

  prune(filters: Filters) {
    return prune(this.#ctx, filters)
  }

  load(tar: Readable, onProgress: OnProgress, options?: { platform?: Platform }): Promise<ImageRecord[]> {
    return load(this.#ctx, shielded(tar), onProgress, options)
  }

  save(references: string[], options?: { platform?: Platform }): Promise<Readable> {
    return save(this.#ctx, references, options?.platform)
  }

  import(tar: Readable, options: ImportOptions): Promise<ImageRecord> {
    return importTar(this.#ctx, shielded(tar), options)
  }

  commit(options: CommitOptions): Promise<ImageRecord> {
    return commit(this.#ctx, options)
  }

  bootstrap(options: BootstrapOptions, onProgress: OnProgress): Promise<ImageRecord> {
    return bootstrap(this.#ctx, options, onProgress)
  }

  createRootfs(key: string, image: ImageRecord, options?: { ephemeral?: boolean }): Promise<void> {
    return createRootfs(this.#ctx, key, image, options)
  }

  mountRootfs(key: string): Promise<string> {
    return this.#ctx.snapshots.mount(key)
  }

  unmountRootfs(key: string): Promise<void> {
    return this.#ctx.snapshots.unmount(key)
  }

  removeRootfs(key: string): Promise<void> {
    return removeRootfs(this.#ctx, key)
  }

  rootfsChanges(key: string) {
    return this.#ctx.snapshots.changes(key)
  }

  async rootfsUsage(key: string): Promise<number> {
    const { accounts, snapshots } = this.#ctx
    return accounts ? (await accounts.of(snapshots.tree(key))).bytes : snapshots.usage(key)
  }

  mountImage(image: ImageRecord): Promise<string> {
    return mountImage(this.#ctx, image)
  }

  sweep(roots: ReadonlySet<string>): Promise<void> {
    return sweep(this.#ctx, roots)
  }

  rootfsTree(key: string) {
    return this.#ctx.snapshots.tree(key)
  }

  planPrune(filters: Filters, without: ReadonlySet<string>) {
    return planPrune(this.#ctx, filters, without)
  }

  diskUsage() {
    return diskUsage(this.#ctx)
  }
}
