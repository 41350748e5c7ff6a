import type { DeletedVolume, VolumeRecord } from '#model/volume.ts'

/** As it is stored. */
export interface TrashEntry extends DeletedVolume {
  /** It is on its way back, as this. */
  restoring?: VolumeRecord
}

/** The one timer of the trash. */
export interface Expiry {
  /** Looks anew at what goes next. */
  reset(): void
  close(): void
}

export const DELETED = /^\.deleted-([0-9a-f]{12})$/
export const deletedName = (id: string): string => `.deleted-${id}`
