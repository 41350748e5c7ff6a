/**
 * What a backup says of itself. All of it is part of the archive (`codec/backup` has the bytes). A `ByteString` is a
 * path or name as the host has it, one character a byte (latin1), since names need not be UTF-8.
 */
export type BackupFormat = 'zstd' | 'gzip' | 'tar'

/** Known before the first file is read. */
export interface BackupHeader {
  version: 1
  /** Random, 32 hex digits. */
  id: string
  /** RFC 3339. */
  createdAt: string
  /** One: members are named `./path`, as guide-style archives are; several: `VOLUME/path`. */
  volumes: BackupVolume[]
  /** An incremental backup holds only what differs from this one; its index still lists everything. */
  base?: { id: string }
}

export interface BackupVolume {
  name: string
  driver: string
  labels: Record<string, string>
  options: Record<string, string>
  /** `snapshot`: of one instant; `paused`: its users stood still; `live`: nobody was stopped. */
  consistency: 'snapshot' | 'paused' | 'live'
}

/** One path of a volume, with all that a restore gives back. */
export interface BackupEntry {
  /** Place in `BackupHeader.volumes`. */
  volume: number
  /** ByteString below the volume's root; '' is the root itself. */
  path: string
  type: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block' | 'char' | 'link'
  mode: number
  uid: number
  gid: number
  /** Bytes, holes included. */
  size: number
  /** Seconds and nanoseconds. */
  mtime: [number, number]
  atime?: [number, number]
  /** Of a file: sha256 (hex) of its bytes without the holes. */
  digest?: string
  /** `[offset, length]` of what is hole, for files that have any. */
  holes?: [number, number][]
  /** ByteString: target of a symlink, or the path of the first name of a hard link. */
  link?: string
  device?: [number, number]
  /** Values in base64; ACLs are here (`system.posix_acl_access`). */
  xattrs?: Record<string, string>
  /** What tells whether a file is the same as in a base: inode and ctime on the host that was backed up. */
  stamp?: string
  /** The content is in the base, not in this archive. */
  inBase?: true
}

export interface BackupSummary {
  /** undefined for an archive that is none of ours (guide-style): nothing vouches for it then. */
  header: BackupHeader | undefined
  files: number
  /** Of content, holes left out. */
  bytes: number
  /** Of the archive, as stored. */
  storedBytes: number
  /** sha256 (hex) of the archive up to its trailer. */
  digest: string
  /** See `Archives.digest`: one for each volume. */
  treeDigests: string[]
  /** Paths of files that changed while they were read, at most 100. */
  changedWhileRead: string[]
}

export interface BackupProgress {
  id: string
  state: 'running' | 'done' | 'failed'
  /** Read so far. */
  files: number
  bytes: number
  /** Expected in all; -1 when nobody knows. */
  totalBytes: number
  storedBytes: number
  error?: string
  summary?: BackupSummary
}

/** A restore under way: bytes are fed in, and nothing of it shows before `commit`. */
export interface RestoreProgress {
  id: string
  state: 'open' | 'verified' | 'done' | 'failed'
  /** Bytes of the archive under way that have been taken in: where the next piece goes on. */
  offset: number
  files: number
  bytes: number
  error?: string
  /** When done: the volumes, by the names that they have now. */
  volumes?: string[]
  summary?: BackupSummary
}

/** How many to keep, over those of one schedule or one place; everything unless something is said. */
export interface Retention {
  keepLast?: number
  keepDaily?: number
  keepWeekly?: number
  keepMonthly?: number
}

export interface BackupSchedule {
  id: string
  volumes: string[]
  /** Cron, five fields, or `@every 6h`, `@daily`. */
  when: string
  /** A place that names are added to: `/srv/backups/`, `ssh://user@host/path/`, `s3://bucket/prefix/`. */
  target: string
  format: BackupFormat
  pause: boolean
  /** Every n-th backup is a full one, those between are incremental; 1: all are full. */
  fullEvery: number
  retention: Retention
  /** age recipients; none: not encrypted. */
  recipients: string[]
  /** File on the daemon's host with `KEY=value` lines for the target (AWS_…); '' for none. */
  environmentFile: string
  enabled: boolean
  createdAt: string
  /** RFC 3339: a run that was due before is not made up. */
  since: string
  /** RFC 3339; absent when it is not enabled. */
  nextAt?: string
  /** The last ten, newest first. */
  runs: { startedAt: string; endedAt?: string; ok?: boolean; name?: string; bytes?: number; message?: string }[]
}
