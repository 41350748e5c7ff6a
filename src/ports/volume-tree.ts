import type { Readable } from 'node:stream'

/** A regular file of a volume. */
export interface TreeFile {
  /** Below the volume's root, UTF-8, without a leading slash. */
  path: string
  /** Bytes. */
  size: number
  /** Milliseconds since the epoch, with a fraction. */
  modified: number
  /** Permission bits. */
  mode: number
  uid: number
  gid: number
}

export type TreeEntry = { file: TreeFile } | { skipped: string; reason: string }

/** How a file that is written looks. */
export interface TreeAttributes {
  /** Milliseconds since the epoch. */
  modified: number
  /** 0644 unless given. */
  mode?: number
  /** Those of the directory that it is in, unless given. */
  uid?: number
  gid?: number
}

/**
 * The regular files of a volume, while containers work on them. Nothing outside is ever reached, whatever symlinks there are
 * or are made meanwhile. A server that does not answer holds up nobody else.
 */
export interface VolumeTree {
  /**
   * In the order of their paths' bytes. Symlinks are followed inside the volume; what leads out of it, is no file, or has a
   * name that is no text is told as skipped. What writers of this port left when they were killed is removed.
   */
  walk(): AsyncIterable<TreeEntry>
  /** undefined when there is no such file. */
  stat(path: string): Promise<TreeFile | undefined>
  /** @throws not-found */
  read(path: string): Promise<{ file: TreeFile; content: Readable }>
  /** Makes directories on the way. The file appears, or is replaced, when it is whole. @throws invalid for a path that leads out */
  write(path: string, content: Readable, attributes: TreeAttributes): Promise<void>
  /** Already gone is success. */
  remove(path: string): Promise<void>
  close(): Promise<void>
}

export interface VolumeTrees {
  /** @param root directory of the host */
  open(root: string): Promise<VolumeTree>
}
