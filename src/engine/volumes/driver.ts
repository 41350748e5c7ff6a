import type { VolumeRecord } from '#model/volume.ts'
import type { ForeignVolume, ForeignVolumes } from './remote/listing.ts'

/** What a driver is told of a volume that is about to be made. */
export type NewVolume = Pick<VolumeRecord, 'name' | 'options' | 'labels' | 'handle'>

/**
 * Where a volume's data is and how it becomes reachable: `local` (a directory, and whatever can be mounted on one), a
 * plugin, a CSI driver. Called with the volume's lock held, but for `check` and `usage`. Nothing here may be asked to
 * list or show volumes: a driver that does not answer is in nobody's way but of those who use its volumes.
 */
export interface VolumeDriver {
  /** As the volumes' records have it. */
  readonly name: string
  /** Its volumes are given a handle of their own (`VolumeRecord.handle`). */
  readonly usesHandles?: true
  /** `global`: every host that has the driver sees the volume. */
  readonly scope: 'local' | 'global'
  /** Pure. @throws invalid naming the option */
  check(options: Readonly<Record<string, string>>): void
  /**
   * Makes what must be there before the volume's record; leaves nothing when it fails.
   *
   * @param how.validate try, within ten seconds, whether the data can be reached
   * @returns the mountpoint to show; '' when it is known only while mounted
   */
  create(volume: NewVolume, how: { validate: boolean }): Promise<string>
  /** For the first user; already there is success. @returns the directory on the host that has the data */
  attach(volume: VolumeRecord): Promise<string>
  /** After a restart, for a volume in use: as `attach`, but what is mounted still is not asked whether it answers. */
  resume?(volume: VolumeRecord): Promise<string>
  /** After the last user; not there is success. */
  detach(volume: VolumeRecord): Promise<void>
  /** Whether `attach` is still in force (after a restart), without asking any server. */
  isAttached(volume: VolumeRecord): boolean
  /**
   * Takes a detached volume out of sight. The data itself may still lie in the directory that is returned, to be kept in
   * the trash or deleted; undefined when it is gone already.
   */
  discard(volume: VolumeRecord): Promise<string | undefined>
  /** Bytes on disk; -1 for what lies elsewhere. */
  usage(volume: VolumeRecord): Promise<number>
  /**
   * The directory whose files are all that the volume takes: `usage` is then found by kept accounting. undefined where only
   * `usage` knows. Pure.
   */
  tree?(volume: VolumeRecord): string | undefined
  /** Whether the directory with the data is a plain one of ours, which may be replaced as a whole by another. */
  isPlain(volume: VolumeRecord): boolean
  /** A new directory for the data of a plain volume, to be put in the place of the one that it has. */
  makePlace?(path: string): Promise<void>
  /** Owner and mode of `directory`, as the volume's options have them, if they say anything. */
  own?(volume: VolumeRecord, directory: string): Promise<void>
  /** Options of a volume of that name that was in use and whose record is lost, where the driver keeps them. */
  lost?(name: string): Promise<Record<string, string> | undefined>
  /** How much of a detached volume its own directory has; without this verb, nothing. Pure. */
  extent?(volume: Pick<VolumeRecord, 'options'>): VolumeExtent
  /**
   * Makes room for `bytes` in all, attached or not. Only up.
   *
   * @returns the options that the volume has then
   * @throws invalid when it cannot, or is larger already
   */
  grow?(volume: VolumeRecord, bytes: number): Promise<Record<string, string>>
  /**
   * An instant's content, read-only, that shares blocks with the volume; undefined where the file system has no
   * snapshots. The volume is attached, and stays so until `release`.
   */
  snapshot?(volume: VolumeRecord): Promise<VolumeSnapshot | undefined>
  /**
   * Gives `target`, made with the same options and not attached, what `source` has at this instant, attached or not; the
   * locks of both are held. @returns undefined when the caller is to copy the files
   */
  clone?(source: VolumeRecord, target: VolumeRecord): Promise<'snapshot' | 'reflink' | 'copy' | undefined>
  /**
   * Instead of `create`: a volume that begins with what `source` has, attached or not; the locks of both are held.
   *
   * @returns the mountpoint to show; undefined, with nothing made, when the files are to be copied
   */
  copyOf?(source: VolumeRecord, target: NewVolume): Promise<string | undefined>
  /** Deletes for good what lies elsewhere of a volume that was kept in the trash; done already is success. */
  purge?(volume: VolumeRecord): Promise<void>
  /** Drops what is remembered of a volume whose driver cannot be asked any more: for removal by force. */
  forget?(volume: VolumeRecord): void
  /** More about it for `inspect`, within two seconds. */
  status?(volume: VolumeRecord): Promise<Record<string, unknown> | undefined>
  /** After a restart, before any volume is attached: gives back what a crash left half made, past errors. */
  recover?(volumes: VolumeRecord[]): Promise<void>
}

export interface VolumeSnapshot {
  path: string
  release: () => Promise<void>
}

/**
 * `all`: data and all else of a detached volume lie in `<root>/NAME` and nowhere else (a plain directory, an image file
 * with a file system), so that the directory may be renamed, exchanged with that of another volume of the same options,
 * and kept: nothing about it may be remembered by name. The engine makes volumes named `.staging-ID` for that.
 *
 * `handle`: the data is a server's or a device's, and directory and record are enough to have it back.
 *
 * `nothing`: somebody else knows the volume by its name (a plugin); what is discarded there is gone.
 */
export type VolumeExtent = 'all' | 'handle' | 'nothing'

/** The drivers by name. */
export interface VolumeDrivers {
  /** The name as it was asked for (`local`, `plugin:latest`). @throws not-found in Docker's words */
  find(driver: string, volume: string): Promise<VolumeDriver>
  /** Of a volume that exists: never waits, and never fails; a driver that is gone fails when it is asked something. */
  of(volume: VolumeRecord): VolumeDriver
  /** Volumes that only plugins know of; within about a second, whatever they do. */
  foreign(): Promise<ForeignVolumes>
  /** The volume of this name that some plugin has; within two seconds. */
  foreignNamed(name: string): Promise<ForeignVolume | undefined>
  /** Lets each driver recover, with its volumes; past errors. */
  recover(volumes: VolumeRecord[]): Promise<void>
}
