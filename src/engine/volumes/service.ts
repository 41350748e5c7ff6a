import type { Filters } from '#model/filters.ts'
import type { DeletedVolume, KeptVolume, PrunePlan, VolumeRecord } from '#model/volume.ts'
import type { CopyOptions } from '#ports/files.ts'
import type { VolumeTree } from './accounts.ts'

export interface CreateVolume {
  /** '' asks for a random name, which makes the volume anonymous. */
  name: string
  driver: string
  options: Record<string, string>
  labels: Record<string, string>
  anonymous?: boolean
  /** Try at once whether the data can be reached, for ten seconds at most. */
  validate?: boolean
}

export interface CloneVolume {
  name: string
  /** Over the source's own. */
  labels: Record<string, string>
}

export interface ClonedVolume {
  volume: VolumeRecord
  method: 'snapshot' | 'reflink' | 'copy'
  /** Somebody had the source mounted, and it was copied file by file: the files are not of one instant. */
  live: boolean
}

export interface RemoveVolume {
  force: boolean
  except?: string
  keep?: number
}

/** Of a `PrunePlan`, what counts. */
export interface PlannedRemovals {
  remove: { name: string; createdAt: string; size?: number }[]
}

export interface AppliedPrune {
  deleted: string[]
  /** Of those, the ones that are in the trash. */
  trashed: DeletedVolume[]
  /** Planned, and not removed. */
  kept: KeptVolume[]
  spaceReclaimed: number
}

export interface UpdateVolume {
  /** Set, or with null removed. */
  labels: Record<string, string | null>
  /** Bytes; only up. */
  size?: number
}

/** What is shown of a volume. */
export interface VolumeView {
  volume: VolumeRecord
  scope: 'local' | 'global'
  /** What its driver says of it. */
  status?: Record<string, unknown>
}

/** A place where new content of a volume is written, out of sight until `commit`. */
export interface StagedVolume {
  /** Directory to write into, empty (but for a new file system's `lost+found`); its owner, mode and times count too. */
  path: string
  /**
   * Puts it in the volume's place, in one step (rename) where the volume is a directory or image of ours, else in steps that
   * `recover` finishes after a crash. Waits until all is on the disk. An existing volume keeps its labels and options.
   *
   * @throws conflict when somebody has the volume mounted, made one of the name, or replaced or removed it meanwhile
   */
  commit(): Promise<VolumeRecord>
  /** Gives everything back; also after a failed commit. */
  abort(): Promise<void>
}

export interface VolumesService {
  /** Same name and options again: the existing one. Other options: conflict listing the differences. */
  create(request: CreateVolume): Promise<VolumeRecord>
  /** @throws not-found `get NAME: no such volume` */
  get(name: string): VolumeRecord
  /** @param users names of volumes that some container refers to, for `dangling` */
  list(filters: Filters): VolumeRecord[]
  /** With the volumes that only plugins know of; within about a second, whatever they do. */
  listViews(filters: Filters): Promise<{ volumes: VolumeView[]; warnings: string[] }>
  /** Also one that only a plugin knows of. @throws not-found `get NAME: no such volume` */
  view(name: string): Promise<VolumeView>
  /**
   * With `force`, an absent one is success.
   *
   * @param options.except a container that is being removed itself and does not count as a user
   * @param options.keep milliseconds in the trash; 0 or absent deletes at once
   * @throws conflict when a container refers to it; invalid when its driver can keep nothing
   */
  remove(name: string, options: RemoveVolume): Promise<void>
  prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimed: number }>
  /** Under a new name, with its data, in one step. @throws conflict when a container refers to it, or the name is taken */
  rename(name: string, to: string): Promise<VolumeRecord>
  update(name: string, change: UpdateVolume): Promise<VolumeRecord>
  /** `snapshot` and `reflink` share blocks and take no time; `copy` does not. */
  clone(source: string, request: CloneVolume, how?: Pick<CopyOptions, 'onProgress' | 'signal'>): Promise<ClonedVolume>
  /**
   * What a prune with these filters would do. Changes nothing.
   *
   * @param without containers that are counted as gone
   */
  planPrune(filters: Filters, without?: ReadonlySet<string>): Promise<PrunePlan>
  /**
   * Removes exactly what the plan says, but what has come into use since.
   *
   * @param keep milliseconds in the trash; 0 deletes at once
   */
  applyPrune(plan: PlannedRemovals, keep: number): Promise<AppliedPrune>
  deleted(): DeletedVolume[]
  /** @param id of a `DeletedVolume`, or a volume's name: the one that was deleted last */
  restoreDeleted(id: string, as?: string): Promise<VolumeRecord>
  /** Deletes for good: one, or all. */
  emptyTrash(id?: string): Promise<{ deleted: string[]; spaceReclaimed: number }>
  /**
   * A place for the new content of a volume that exists or is to be made, with the given driver and options then.
   *
   * @param request.replace whether one that exists and is not empty may be replaced
   * @throws conflict naming the users, or that there is data
   */
  stage(request: CreateVolume & { replace: boolean }): Promise<StagedVolume>
  /**
   * An instant's content of a volume, if its file system has snapshots (btrfs): the directory, until `release`. undefined
   * when it has none.
   */
  snapshot(name: string): Promise<{ path: string; release: () => Promise<void> } | undefined>
  /** Makes the data reachable at `mountpoint` for one more user, and says where. */
  mount(name: string, userId: string): Promise<string>
  unmount(name: string, userId: string): Promise<void>
  /** Fills an empty volume from `source` (a directory of a mounted image), with owner and mode. */
  copyUp(name: string, source: string): Promise<void>
  /** Where its data can be measured; undefined when only its driver can say what it takes. Asks nobody. */
  tree(name: string): VolumeTree | undefined
  /** Names of the containers that refer to it. */
  users(name: string): string[]
  /** Bytes on disk; -1 for what lies on another file system (a server's, a bind). */
  usage(name: string): Promise<number>
  /**
   * Counts `userId` as a user although no record says so yet: from before a container's mounts are made until its
   * record is written, so that a prune meanwhile spares its volumes. Forgotten by a restart.
   */
  hold(name: string, userId: string): void
  release(name: string, userId: string): void
  /**
   * Who refers to it: set by the composition root, asked before anything is removed.
   *
   * @param nameOf name of a container, for messages; its id while it has none
   */
  setUsers(users: (volume: string) => string[], nameOf?: (container: string) => string): void
  /** After a restart: remounts what live containers use, removes half-made directories. */
  recover(live: ReadonlyMap<string, string[]>): Promise<void>
  /** Timers end. */
  close(): void
}
