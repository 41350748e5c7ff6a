import type { Filters } from '#model/filters.ts'
import type { VolumeRecord } from '#model/volume.ts'

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

export interface VolumesService {
  /** Same name and options again: the existing one. Other options: conflict listing the differences. */
  create(request: CreateVolume): Promise<VolumeRecord>
  /** @throws not-found `get NAME: no such volume` */
  get(name: string): VolumeRecord
  /** @param users names of volumes that some container refers to, for `dangling` */
  list(filters: Filters): VolumeRecord[]
  /**
   * With `force`, an absent one is success.
   *
   * @param options.except a container that is being removed itself and does not count as a user
   * @throws conflict when a container refers to it
   */
  remove(name: string, options: { force: boolean; except?: string }): Promise<void>
  prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimed: number }>
  /** Makes the data reachable at `mountpoint` for one more user, and says where. */
  mount(name: string, userId: string): Promise<string>
  unmount(name: string, userId: string): Promise<void>
  /** Fills an empty volume from `source` (a directory of a mounted image), with owner and mode. */
  copyUp(name: string, source: string): Promise<void>
  /** Bytes on disk; -1 for what lies on another file system (a server's, a bind). */
  usage(name: string): Promise<number>
  /**
   * Counts `userId` as a user although no record says so yet: from before a container's mounts are made until its
   * record is written, so that a prune meanwhile spares its volumes. Forgotten by a restart.
   */
  hold(name: string, userId: string): void
  release(name: string, userId: string): void
  /** Who refers to it: set by the composition root, asked before anything is removed. */
  setUsers(users: (volume: string) => string[]): void
  /** After a restart: remounts what live containers use, removes half-made directories. */
  recover(live: ReadonlyMap<string, string[]>): Promise<void>
}
