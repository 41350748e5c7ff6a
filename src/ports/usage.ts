export interface TreeSize {
  /** On disk: 512-byte blocks, a file with several names once, as du(1) counts. */
  bytes: number
  /** Names below, directories too; each name of a hard link is one. */
  files: number
}

export interface MeasureOptions {
  /** Nobody waits: gives way to everything else on the machine. */
  background?: boolean
  /** Ends the walk. Whoever gives one expects to see its reason. */
  signal?: AbortSignal
}

/** What trees of files take on disk, looked at off the main thread. */
export interface Usage {
  /** How many walks go on side by side. */
  readonly lanes: number
  /** Symlinks are not followed, mounts below not entered; what vanishes meanwhile is left out. 0 when absent. */
  measure(path: string, options?: MeasureOptions): Promise<TreeSize>
  /** Another one when entries were made, removed or renamed in the directory itself, or it is another; '' when absent. */
  stamp(path: string): Promise<string>
  /** Bytes that are free on the file system that has the path. */
  room(path: string): number
  close(): Promise<void>
}
