import type { DeletedVolume, KeptVolume, PrunePlan } from '#model/volume.ts'
import type { VolumeJson } from './volumes.ts'

/** Body of `POST /berth/volumes/{name}/rename` */
export interface VolumeRenameRequest {
  Name: string
}

/** Body of `POST /berth/volumes/{name}/update` */
export interface VolumeUpdateRequest {
  /** Set, or with null removed. */
  Labels?: Record<string, string | null>
  /** Bytes; only up. */
  Size?: number
}

/** Body of `POST /berth/volumes/{name}/clone`; the answer is lines. */
export interface VolumeCloneRequest {
  Name?: string
  /** Over the source's own. */
  Labels?: Record<string, string>
}

/** Progress while files are copied, then one line with the volume, or with an error. */
export interface VolumeCloneLine {
  files?: number
  bytes?: number
  volume?: VolumeJson
  method?: 'snapshot' | 'reflink' | 'copy'
  /** Copied while somebody was writing: not of one instant. */
  live?: boolean
  error?: string
}

/** `GET /berth/volumes/prune-plan` */
export type VolumePrunePlan = PrunePlan

/** Body of `POST /berth/volumes/prune` */
export interface VolumePruneRequest {
  /** As `GET /berth/volumes/prune-plan` answered; of each, name and createdAt count. */
  Plan: { remove: { name: string; createdAt: string; size?: number }[] }
  /** Milliseconds in the trash; 0 deletes at once. */
  Keep?: number
}

/** `POST /berth/volumes/prune` */
export interface VolumePruneResponse {
  Deleted: string[]
  /** Of those, what can be restored. */
  Trashed: DeletedVolume[]
  /** Planned, and not removed. */
  Kept: KeptVolume[]
  SpaceReclaimed: number
}

/** `GET /berth/volumes/deleted` */
export type DeletedVolumeJson = DeletedVolume

/** Body of `POST /berth/volumes/deleted/{id}/restore` */
export interface VolumeRestoreRequest {
  As?: string
}

/** `POST /berth/volumes/deleted/empty`, `DELETE /berth/volumes/deleted/{id}` */
export interface TrashEmptied {
  /** Ids. */
  Deleted: string[]
  SpaceReclaimed: number
}
