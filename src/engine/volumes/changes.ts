import type { VolumeRecord } from '#model/volume.ts'

/**
 * What is under way with a volume in more than one step: written before the first, taken away with the last, so that
 * `recover` can bring it to one of its two ends.
 */
export type VolumeChange = DirectoryChange | EntriesChange | RenameChange

/** New content in a directory of its own, `.staging-ID`. */
export interface DirectoryChange {
  kind: 'directory'
  id: string
  /** As it will be, or as it is when it is replaced. */
  volume: VolumeRecord
  replaces: boolean
  committing: boolean
  /** Another change came first: this one must not commit any more. */
  stale?: true
}

/** New content in a hidden directory of the volume's own file system. See `stage/entries.ts` for the steps. */
export interface EntriesChange {
  kind: 'entries'
  id: string
  volume: VolumeRecord
  replaces: boolean
  /** There was nothing when it was begun: a new volume may be given back to its driver. */
  wasEmpty: boolean
  step: 'open' | 'saving' | 'placing' | 'clearing' | 'unplacing' | 'restoring'
}

export interface RenameChange {
  kind: 'rename'
  id: string
  /** Under its old name. */
  volume: VolumeRecord
  to: VolumeRecord
}
