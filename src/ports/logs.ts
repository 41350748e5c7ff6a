export interface LogLine {
  /** RFC 3339 with nanoseconds. */
  time: string
  stream: 'stdout' | 'stderr'
  /** With its newline, unless the process wrote none. */
  data: Buffer
}

export interface ReadLogOptions {
  follow: boolean
  /** Nanoseconds since the epoch; 0n is the beginning. */
  since: bigint
  until: bigint
  /** Last N lines; undefined is all. */
  tail?: number
  signal: AbortSignal
  /** Resolves when the container has exited and no more will be written; follow then ends after the last line. */
  ended: Promise<void>
}

/** k8s-file logs on disk: `PATH`, and rotated `PATH.1` (newest) to `PATH.N`. */
export interface Logs {
  /** Partial lines (tag P) are yielded as pieces, in order. Survives rotation: a reader loses and repeats nothing. */
  read(path: string, options: ReadLogOptions): AsyncIterable<LogLine>
  /** Watches sizes and rotates: renames, then `reopen` tells the monitor. Returns the stop. */
  rotate(path: string, limits: { maxBytes: number; maxFiles: number }, reopen: () => Promise<void>): () => void
  /** Bytes, all files of it. */
  size(path: string): Promise<number>
  remove(path: string): Promise<void>
}
