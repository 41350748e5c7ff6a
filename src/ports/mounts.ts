/**
 * Mount verbs (mount(2), fsopen(2), move_mount(2), mount_setattr(2)). All work in the daemon's own mount namespace.
 * Errors are `system` with `details.errno`, and name source, target and type.
 */
export interface OverlayMount {
  /** Topmost first. */
  lower: string[]
  upper?: string
  work?: string
}

/** Ids `from`, `from` + 1, ... of the files show as `to`, `to` + 1, ... */
export interface IdRange {
  from: number
  to: number
  length: number
}

/** Of ids in no range the files show as those of nobody, and cannot be changed. */
export interface IdMap {
  uids: IdRange[]
  gids: IdRange[]
}

export interface Mounts {
  /** `volatile`: fsync(2) and unmounting write nothing back: for trees that need not survive a power cut. */
  overlay(target: string, mount: OverlayMount, options?: { readonly?: boolean; volatile?: boolean }): Promise<void>
  /** `type`/`source`/`data` as mount(8) would take them (`o=` parsed into flags and data). May block: off the main thread. */
  filesystem(target: string, type: string, source: string, options: string[]): Promise<void>
  /**
   * `idmap`: the files' owners show as others, both ways, without a change to the files (Linux 5.12 and a file system that
   * can; else `system` with what is missing).
   */
  bind(
    source: string,
    target: string,
    options?: { recursive?: boolean; readonly?: boolean; propagation?: string; idmap?: IdMap },
  ): Promise<void>
  /**
   * A mount of what `path` is inside `root`, at `target`, which is made as a directory or file. Links lead nowhere outside
   * `root`, also when somebody changes them meanwhile (openat2 RESOLVE_IN_ROOT, open_tree of the descriptor).
   *
   * @param options.recursive with the mounts below; so unless false
   * @returns whether it is a directory
   * @throws not-found
   */
  bindInside(
    root: string,
    path: string,
    target: string,
    options?: { idmap?: IdMap; recursive?: boolean },
  ): Promise<boolean>
  tmpfs(target: string, options: string[]): Promise<void>
  /**
   * Lazy when busy; not mounted is success.
   *
   * @param options.mayHang a server must answer, which may be dead: done where nobody else waits behind it
   */
  unmount(target: string, options?: { mayHang?: boolean }): Promise<void>
  isMounted(target: string): boolean
  /**
   * What the mount that `path` is on forbids: of `ro`, `nosuid`, `nodev`, `noexec`. Asks the path's file system, which is
   * known to answer. An absent path is forbidden nothing.
   */
  restrictions(path: string): Promise<string[]>
  /** Mount points at or below `prefix`, deepest first (/proc/self/mountinfo). */
  below(prefix: string): string[]
}
