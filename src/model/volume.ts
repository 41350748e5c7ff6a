export interface VolumeRecord {
  name: string
  driver: string
  /** RFC 3339. */
  createdAt: string
  labels: Record<string, string>
  options: Record<string, string>
  /** Made for a container without a name: removed by `rm -v`, `--rm` and `down -v`. */
  anonymous: boolean
  /** Directory on the host that containers see. */
  mountpoint: string
  /** What its driver knows it by, whatever it is named; absent for drivers that go by the name. */
  handle?: string
}

/** A volume that was removed and is kept for a while. */
export interface DeletedVolume {
  /** Random, 12 hex digits: the same name may be deleted more than once. */
  id: string
  volume: VolumeRecord
  /** RFC 3339. */
  deletedAt: string
  /** Milliseconds since the epoch, when it goes for good. */
  expiresAt: number
  /** On the host, with all that the volume was. */
  directory: string
  /** Bytes on disk when it was deleted. */
  size: number
}

/** One volume that a prune would remove. */
export interface PruneCandidate {
  name: string
  driver: string
  /** Of its creation: another volume that has come to bear the name is not the one that was planned. */
  createdAt: string
  anonymous: boolean
  /** Bytes; -1 when the data lies elsewhere. */
  size: number
  /** Whether it can be kept in the trash; if not, it is gone at once (a plugin's). */
  keepable: boolean
  /** `anonymous, used by no container since it was made 3 days ago`. */
  reason: string
}

/** What a prune would remove; data, so that it can be shown, and then carried out exactly. */
export interface PrunePlan {
  remove: PruneCandidate[]
  /** What stays, and why: used by whom, or not asked for. */
  keep: KeptVolume[]
}

export interface KeptVolume {
  name: string
  reason: string
}
