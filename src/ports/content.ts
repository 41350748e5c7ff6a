import type { Readable } from 'node:stream'

/** Blobs by digest. A blob is visible only when whole and verified. */
export interface Content {
  has(digest: string): Promise<boolean>
  /** Bytes; throws not-found. */
  size(digest: string): Promise<number>
  open(digest: string, offset?: number): Promise<Readable>
  read(digest: string, maxBytes?: number): Promise<Buffer>
  /**
   * Writes a blob. With `expected`, a partial earlier write of the same digest is resumed (`source` is asked for the
   * rest from an offset) and the result is verified: a mismatch is `invalid` and leaves nothing; a source that ends
   * too early is `unavailable` and leaves the partial, as any error of the source does.
   */
  ingest(
    source: (offset: number) => Promise<Readable>,
    expected?: { digest?: string; size?: number },
    onProgress?: (bytes: number) => void,
  ): Promise<{ digest: string; size: number }>
  /** Already gone is success. */
  delete(digest: string): Promise<void>
  list(): Promise<string[]>
  /** Bytes on disk: of blobs, by digest, and of writes that were cut short. */
  usage(): Promise<{ blobs: Map<string, number>; partial: number }>
  /**
   * Removes partial writes that nobody resumed for a day and, when `referenced` is given, every blob it does not name.
   * Blobs that are being written now stay.
   *
   * @param options.partial removes all partial writes
   * @returns bytes given back
   */
  sweep(referenced?: ReadonlySet<string>, options?: { partial?: boolean }): Promise<number>
}

/**
 * Overlay snapshots, named by key. A committed snapshot is immutable and may be a parent; an active one has a
 * writable upper directory.
 */
export interface Snapshots {
  exists(key: string): boolean
  parentOf(key: string): string | undefined
  /** Unpacks a layer (tar, or gzip/zstd of one) on `parent` and commits it as `key`. Whiteouts become overlay's own. */
  unpack(
    key: string,
    parent: string | undefined,
    layer: Readable,
    onProgress?: (bytes: number) => void,
    /** Checked before the commit: another one is `invalid` and leaves nothing. */
    expectedDiffId?: string,
  ): Promise<{ diffId: string; size: number }>
  /**
   * A writable snapshot; the host's uid 0 owns its root unless `parent` says otherwise. An `ephemeral` one need not
   * survive a power cut (`--rm`, build steps): its fsync(2) and unmounting cost nothing.
   */
  prepare(key: string, parent: string | undefined, options?: { ephemeral?: boolean }): Promise<void>
  /** Mounts it (active: read-write; committed: read-only) and returns the directory. Mounted already: returns it. */
  mount(key: string): Promise<string>
  unmount(key: string): Promise<void>
  isMounted(key: string): boolean
  /** Tar of what the active snapshot changed against its parent, whiteouts as `.wh.`. */
  diff(key: string): Promise<Readable>
  changes(key: string): Promise<{ Path: string; Kind: 0 | 1 | 2 }[]>
  /**
   * Where an active snapshot's own files are: `path`, and `witness`, a directory whose modification tells that it was
   * mounted since. @throws not-found
   */
  tree(key: string): { path: string; witness: string; inUse: boolean }
  /** Bytes of the snapshot alone, parents not counted. */
  usage(key: string): Promise<number>
  /** Unmounts and deletes; already gone is success; a parent of others is `conflict`. */
  remove(key: string): Promise<void>
  list(): string[]
  /**
   * Removes what a crash left half made and, when `referenced` is given, every snapshot that is neither named by it nor
   * an ancestor of one that is. What is being made now stays. @returns bytes given back
   */
  sweep(referenced?: ReadonlySet<string>): Promise<number>
}
