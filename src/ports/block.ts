/** File systems that volumes have in a file of their own: `ext4`, and `btrfs` for those that compress. */
export type ImageType = 'ext4' | 'btrfs'

export interface FormatImage {
  type: ImageType
  /** Size of the file system in bytes. */
  bytes: number
  /** Take the blocks at once: the host's disk cannot run full under it later. */
  preallocate: boolean
}

/** What the file system under a directory can do. */
export interface DirectorySupport {
  /** Name of its type, as in /proc/self/mountinfo; '' when unknown. */
  type: string
  /** Limits of projects are enforced (xfs and ext4 mounted with `prjquota`). */
  projectQuota: boolean
  /** Bytes of the whole file system, and of it what is used. */
  totalBytes: number
  usedBytes: number
}

/**
 * File systems in files, on loop devices that go with their last mount, and what file systems know of limits and
 * snapshots. Errors are `system` with `details.errno`, and name the file or device.
 */
export interface Block {
  support(directory: string): Promise<DirectorySupport>
  /**
   * Makes a sparse file with an empty file system, whole or not at all; nothing is in it, not even lost+found.
   *
   * @throws system naming the missing program and its package
   */
  format(image: string, format: FormatImage): Promise<void>
  /**
   * Mounts a device, or a file through a loop device: the one that the file has already, else a new one. `offset=` and
   * `sizelimit=` (bytes) are the loop device's, as with mount(8). May block for long: off the main thread.
   */
  mount(target: string, type: string, source: string, options: string[]): Promise<void>
  /** Files at or below `directory` that loop devices have, and their devices; a deleted file's path ends so. */
  attached(directory: string): Promise<{ device: string; file: string }[]>
  /** Detaches loop devices of files below `directory`; one that is mounted goes with its mount. Never any other. */
  release(directory: string): Promise<void>
  /**
   * Makes a file and the file system in it as large as `bytes`. Only up.
   *
   * @param options.target where it is mounted; only ext4 may be mounted nowhere
   * @throws system with EPERM when a mounted one may not grow here
   */
  grow(image: string, options: { type: ImageType; bytes: number; target?: string }): Promise<void>
  /**
   * Copies an image as it is at this instant, in place of one at `to`. If it is mounted, at `target`, it stands still for
   * the moment that sharing blocks takes. Both can be mounted at once.
   *
   * @returns undefined, with nothing made, when it is mounted and blocks cannot be shared
   */
  copyImage(
    from: string,
    to: string,
    options: { type: ImageType; target?: string },
  ): Promise<'reflink' | 'copy' | undefined>
  /** Gives back to the host what a mounted image has of its file and does not use. */
  trim(target: string): Promise<void>
  /** A file system that stands still since a crash in `copyImage` goes on. */
  thaw(target: string): Promise<void>
  /**
   * Snapshot of the btrfs subvolume `subvolume`, as the new directory `path` of the same file system.
   *
   * @param options.readonly nobody can write to it
   */
  snapshot(subvolume: string, path: string, options: { readonly: boolean }): Promise<void>
  makeSubvolume(path: string): Promise<void>
  /** Whether a directory is the top of a btrfs subvolume, which alone can be snapshot. */
  isSubvolume(path: string): Promise<boolean>
  /** Already gone is success. */
  removeSubvolume(path: string): Promise<void>
  /** What is written below `directory` from now on is compressed (btrfs); `zstd`, `lzo` or `zlib`. */
  compress(directory: string, algorithm: string): Promise<void>
  /** Owner and mode of a directory that is there. */
  own(directory: string, owner: { uid?: number; gid?: number; mode?: number }): Promise<void>
  /** At most `bytes` below the directory, which is empty or has a limit already. @throws system without project quotas */
  limit(directory: string, bytes: number): Promise<void>
  /** Bytes below a directory that has a limit, and the limit; undefined when it has none. */
  limited(directory: string): Promise<{ bytes: number; limit: number } | undefined>
}
