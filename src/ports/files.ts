import type { Readable } from 'node:stream'

export interface FileStat {
  kind: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block' | 'char'
  mode: number
  uid: number
  gid: number
  /** Bytes. */
  size: number
  mtimeMs: number
  /** Of a symlink. */
  target?: string
  /** Of a block or character device. */
  device?: { major: number; minor: number }
  name: string
}

export interface ChangedPath {
  Path: string
  /** 0 modified, 1 added, 2 deleted (API: `GET /containers/{id}/changes`). */
  Kind: 0 | 1 | 2
}

export interface CopyOptions {
  /** On a thread of its own: for trees that may be large. */
  background?: boolean
  /** Now and then, if it is done in the background. */
  onProgress?: (progress: { files: number; bytes: number }) => void
  /** Ends a copy in the background; what is there then stays. */
  signal?: AbortSignal
}

export interface CopiedTree {
  files: number
  /** Of content, holes left out. */
  bytes: number
  /** The files share their blocks with those they were copied from. */
  shared: boolean
}

/** Plain file work on the host that policy needs: directories of containers and volumes, small configuration files. */
export interface Files {
  read(path: string): Promise<string>
  /** Writes beside and renames: a reader sees the old or the new text. */
  writeAtomic(path: string, text: string, mode?: number): Promise<void>
  /** Overwrites in place, keeping the inode: for files that are bind-mounted into a container. */
  writeInPlace(path: string, text: string): Promise<void>
  makeDirectory(path: string, options?: { mode?: number; uid?: number; gid?: number }): Promise<void>
  /** undefined when absent. Does not follow a final symlink unless asked. */
  stat(path: string, options?: { follow?: boolean }): Promise<FileStat | undefined>
  list(path: string): Promise<string[]>
  rename(from: string, to: string): Promise<void>
  /** Each of two names of one file system becomes the other, in one step. */
  exchange(one: string, other: string): Promise<void>
  /**
   * Renames what is in the directory `from` into the directory `to`, name by name, but for the names `except`. What has a
   * name there already is replaced if it is a file or an empty directory.
   */
  moveEntries(from: string, to: string, except: readonly string[]): Promise<void>
  /** Gives the directory `to` owner, mode, extended attributes (no others) and times of the directory `from`. */
  copyAttributes(from: string, to: string): Promise<void>
  copyTimes(from: string, to: string): Promise<void>
  /** What was done to the names in a directory (or to a file) survives a power cut. */
  sync(path: string): Promise<void>
  /** All that was written to the file system of `path` survives a power cut. */
  syncFileSystem(path: string): Promise<void>
  /** Recursive; already gone is success. Never crosses into a mount. */
  remove(path: string): Promise<void>
  /** Bytes on disk below `path` (512-byte blocks, hard links once). */
  usage(path: string): Promise<number>
  /** Copies a tree with owners, modes, times, xattrs, links, devices and holes; blocks are shared where that is possible. */
  copyTree(from: string, to: string, options?: CopyOptions): Promise<CopiedTree>
  isEmptyDirectory(path: string): Promise<boolean>
}

/**
 * File trees seen as a container sees them: every path is resolved inside `root` (openat2 RESOLVE_IN_ROOT), so that
 * neither `..`, nor an absolute symlink, nor a hard link in an archive leaves it.
 */
export interface RootedFiles {
  stat(root: string, path: string): Promise<FileStat>
  read(root: string, path: string, maxBytes: number): Promise<string>
  /** Resolved path inside the root, symlinks followed, `/`-rooted. */
  resolve(root: string, path: string): Promise<string>
  makeDirectories(root: string, path: string, owner?: { uid: number; gid: number }): Promise<void>
  /** Tar of `path`; entries start with its base name, or with `name` (API: `GET /containers/{id}/archive`). */
  archive(root: string, path: string, options?: { xattrs?: boolean; name?: string }): Promise<Readable>
  /** Unpacks a tar (also gzip, bzip2, xz, zstd) into the directory `path`. */
  extract(
    root: string,
    path: string,
    tar: Readable,
    options?: { noOverwriteDirNonDir?: boolean; chown?: { uid: number; gid: number } },
  ): Promise<void>
}
