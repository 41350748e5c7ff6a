import { KeyedLock } from '#lib/keyed-lock.ts'
import type { Filters } from '#model/filters.ts'
import type { DeletedVolume, PrunePlan, VolumeRecord } from '#model/volume.ts'
import type { CopyOptions } from '#ports/files.ts'
import { treeOf } from './accounts.ts'
import type { VolumeTree } from './accounts.ts'
import type { VolumeChange } from './changes.ts'
import { cloneVolume } from './clone.ts'
import { find, usersOf } from './context.ts'
import type { Context, VolumesOptions } from './context.ts'
import { copyUp } from './copy-up.ts'
import { createVolume } from './create.ts'
import { Drivers } from './drivers.ts'
import type { VolumeSnapshot } from './driver.ts'
import { listVolumes } from './list.ts'
import { mountVolume, unmountVolume } from './mount.ts'
import { applyPrune, planPrune, pruneVolumes } from './prune/index.ts'
import { recoverVolumes } from './recover.ts'
import { removeVolume } from './remove.ts'
import { renameVolume } from './rename.ts'
import type {
  AppliedPrune,
  ClonedVolume,
  CloneVolume,
  CreateVolume,
  PlannedRemovals,
  RemoveVolume,
  StagedVolume,
  UpdateVolume,
  VolumesService,
  VolumeView,
} from './service.ts'
import { snapshotVolume } from './snapshot.ts'
import { stageVolume } from './stage/index.ts'
import { viewVolume, viewVolumes } from './remote/views.ts'
import { emptyTrash, restoreDeleted, TrashExpiry } from './trash/index.ts'
import type { TrashEntry } from './trash/entry.ts'
import { updateVolume } from './update.ts'
import { usageOf } from './usage.ts'

/** Volumes of the `local` driver: directories, and whatever can be mounted on one. */
export class Volumes implements VolumesService {
  readonly #ctx: Context

  constructor({ store, dataRoot, ...options }: VolumesOptions) {
    const ctx: Omit<Context, 'drivers' | 'expiry'> = {
      ...options,
      root: `${dataRoot}/volumes`,
      records: store.repository<VolumeRecord>('volumes'),
      locks: new KeyedLock(),
      mounted: new Map(),
      held: new Map(),
      referrers: () => [],
      nameOf: container => container.slice(0, 12),
      changes: store.repository<VolumeChange>('volume-changes'),
      reserved: new Set(),
      unsettled: new Set(),
      transaction: work => store.transaction(work),
      trash: store.repository<TrashEntry>('volume-trash'),
      lastUses: store.repository<string>('volume-last-uses'),
    }
    // The drivers work with what the verbs share.
    const whole = ctx as Context
    whole.drivers = new Drivers(whole, store)
    whole.expiry = new TrashExpiry(whole)
    this.#ctx = whole
  }

  create(request: CreateVolume): Promise<VolumeRecord> {
    return createVolume(this.#ctx, request)
  }

  get(name: string): VolumeRecord {
    return find(this.#ctx, name)
  }

  list(filters: Filters): VolumeRecord[] {
    return listVolumes(this.#ctx, filters)
  }

  listViews(filters: Filters): Promise<{ volumes: VolumeView[]; warnings: string[] }> {
    return viewVolumes(this.#ctx, filters)
  }

  view(name: string): Promise<VolumeView> {
    return viewVolume(this.#ctx, name)
  }

  remove(name: string, options: RemoveVolume): Promise<void> {
    return removeVolume(this.#ctx, name, options)
  }

  prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimed: number }> {
    return pruneVolumes(this.#ctx, filters)
  }

  rename(name: string, to: string): Promise<VolumeRecord> {
    return renameVolume(this.#ctx, name, to)
  }

  update(name: string, change: UpdateVolume): Promise<VolumeRecord> {
    return updateVolume(this.#ctx, name, change)
  }

  clone(source: string, request: CloneVolume, how?: Pick<CopyOptions, 'onProgress' | 'signal'>): Promise<ClonedVolume> {
    return cloneVolume(this.#ctx, source, request, how)
  }

  planPrune(filters: Filters, without?: ReadonlySet<string>): Promise<PrunePlan> {
    return planPrune(this.#ctx, filters, without)
  }

  applyPrune(plan: PlannedRemovals, keep: number): Promise<AppliedPrune> {
    return applyPrune(this.#ctx, plan, keep)
  }

  deleted(): DeletedVolume[] {
    return this.#ctx.trash.list()
  }

  restoreDeleted(id: string, as?: string): Promise<VolumeRecord> {
    return restoreDeleted(this.#ctx, id, as)
  }

  emptyTrash(id?: string): Promise<{ deleted: string[]; spaceReclaimed: number }> {
    return emptyTrash(this.#ctx, id)
  }

  stage(request: CreateVolume & { replace: boolean }): Promise<StagedVolume> {
    return stageVolume(this.#ctx, request)
  }

  snapshot(name: string): Promise<VolumeSnapshot | undefined> {
    return snapshotVolume(this.#ctx, name)
  }

  users(name: string): string[] {
    return usersOf(this.#ctx, name).map(this.#ctx.nameOf)
  }

  mount(name: string, userId: string): Promise<string> {
    return mountVolume(this.#ctx, name, userId)
  }

  unmount(name: string, userId: string): Promise<void> {
    return unmountVolume(this.#ctx, name, userId)
  }

  copyUp(name: string, source: string): Promise<void> {
    return copyUp(this.#ctx, name, source)
  }

  tree(name: string): VolumeTree | undefined {
    return treeOf(this.#ctx, find(this.#ctx, name))
  }

  usage(name: string): Promise<number> {
    return usageOf(this.#ctx, name)
  }

  hold(name: string, userId: string): void {
    const holders = this.#ctx.held.get(name) ?? new Set()
    this.#ctx.held.set(name, holders.add(userId))
  }

  release(name: string, userId: string): void {
    const holders = this.#ctx.held.get(name)
    holders?.delete(userId)
    if (holders?.size === 0) this.#ctx.held.delete(name)
  }

  setUsers(users: (volume: string) => string[], nameOf?: (container: string) => string): void {
    this.#ctx.referrers = users
    if (nameOf) this.#ctx.nameOf = nameOf
  }

  recover(live: ReadonlyMap<string, string[]>): Promise<void> {
    return recoverVolumes(this.#ctx, live)
  }

  close(): void {
    this.#ctx.expiry.close()
  }
}
