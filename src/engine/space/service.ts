import type { ContainerView } from '#engine/containers/index.ts'
import type { ImagesUsage, PlannedImage } from '#engine/images/index.ts'
import type { Filters } from '#model/filters.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { DeletedVolume, PrunePlan, VolumeRecord } from '#model/volume.ts'

/** `undefined` means everything. */
export type SpaceType = 'image' | 'container' | 'volume' | 'other'

export interface VolumeSpace {
  volume: VolumeRecord
  /** Bytes on disk; -1 where that is not ours to know. */
  size: number
  /** Containers that refer to it, whatever their state. */
  users: number
  /** Milliseconds since the epoch; undefined where the driver was asked. */
  measuredAt?: number
  /** It may have changed since: it is in use, and measuring it again takes longer than a report may. */
  stale: boolean
}

export interface ContainerSpace extends ContainerView {
  sizeRw: number
  sizeRootFs: number
  measuredAt: number
  stale: boolean
  /** Bytes of the log, rotated files included. */
  logSize: number
}

/** What is in the data root, in bytes on disk. */
export interface SpaceReport {
  images?: ImagesUsage
  containers?: ContainerSpace[]
  volumes?: VolumeSpace[]
  trash?: DeletedVolume[]
  /** The store, files of containers, backups under way. */
  other?: number
}

export interface PruneRequest {
  containers?: Filters
  networks?: Filters
  volumes?: Filters
  images?: Filters
  trash?: boolean
}

/** What a prune would remove, in the order in which it does. */
export interface PrunePreview {
  containers: { record: ContainerRecord; size: number }[]
  networks: NetworkRecord[]
  volumes: PrunePlan
  images: PlannedImage[]
  /** Bytes of unfinished downloads, which go with images. */
  partial: number
  trash: DeletedVolume[]
  /** Bytes in all. */
  reclaimable: number
}

export interface SpaceService {
  /** Answers within a second, but for what was never measured, or was changed by somebody on the host. */
  report(types?: ReadonlySet<SpaceType>): Promise<SpaceReport>
  /** Changes nothing. Each part counts what those before it would remove as gone. */
  planPrune(request: PruneRequest): Promise<PrunePreview>
  /** After much was removed: lets files shrink that hold what was. */
  compact(): void
}
