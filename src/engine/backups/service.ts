import type { Readable } from 'node:stream'
import type { BackupFormat, BackupProgress, BackupSchedule, RestoreProgress } from '#model/backup.ts'
import type { SyncLine, SyncRequest, SyncTotal } from '#model/sync.ts'

export interface StartBackup {
  volumes: string[]
  format: BackupFormat
  level?: number
  /** Freeze the containers that use the volumes: until a snapshot is made where there are snapshots, else until the end. */
  pause: boolean
  /** Run the commands of `berth.backup.*` labels; on unless refused. */
  hooks: boolean
  /** Index, as it is stored, of the backup that an incremental one goes on from. */
  base?: Buffer
  /** Id and time of an interrupted attempt, so that the same content gives the same bytes. */
  repeat?: { id: string; createdAt: string }
}

export interface RunningBackup {
  id: string
  createdAt: string
  stream: Readable
  /** Bytes of content that are expected; -1 when nobody knows. */
  totalBytes: number
}

export interface StartRestore {
  /** Volume names of the archive to names here; others keep theirs. Under '': the name for the only one. */
  rename: Record<string, string>
  /** Restore only these of the archive's volumes; all when empty. */
  only: string[]
  /** Replace the content of volumes that exist and are not empty. They must not be in use by a running container. */
  replace: boolean
  /** Accept an archive without an index (guide-style tar.gz). */
  foreign: boolean
  /** Check everything, and change nothing; an incremental one can be checked without its base. */
  verify: boolean
}

export type NewSchedule = Omit<BackupSchedule, 'id' | 'createdAt' | 'since' | 'nextAt' | 'runs'>

/** Backups, restores and their schedules. The sources and destinations are volumes; places are `Targets`. */
export interface BackupsService {
  /** @throws not-found for a volume, before anything is paused */
  start(request: StartBackup): Promise<RunningBackup>
  /** Under way, or among the last hundred. @throws not-found */
  get(id: string): BackupProgress
  openRestore(request: StartRestore): Promise<RestoreProgress>
  /** @throws conflict naming the right offset; invalid when the bytes are wrong: the restore has failed then */
  feed(id: string, offset: number, piece: Readable): Promise<RestoreProgress>
  /** The archive so far is whole and was a base: an incremental one follows, from offset 0. */
  next(id: string): Promise<RestoreProgress>
  /** Checks the whole, then puts the volumes in their places. */
  commit(id: string): Promise<RestoreProgress>
  restore(id: string): RestoreProgress
  abort(id: string): Promise<void>
  /** See `Archives.digest`. */
  digest(volume: string): Promise<string>
  schedules(): BackupSchedule[]
  /** @throws not-found for a volume; invalid naming what is wrong with time, target, recipients or rules */
  addSchedule(schedule: NewSchedule): Promise<BackupSchedule>
  /** @param id or the beginning of one. @throws not-found */
  schedule(id: string): BackupSchedule
  changeSchedule(id: string, enabled: boolean): Promise<BackupSchedule>
  /** A backup of it that is under way goes on. */
  removeSchedule(id: string): void
  /** A volume got another name: its schedules go on with it. */
  renamed(from: string, to: string): void
  /** Now; resolves when it is over, well or not. @throws conflict when it is under way */
  runSchedule(id: string): Promise<BackupSchedule>
  /** Starts timers, gives back what a killed daemon left. */
  recover(): Promise<void>
  close(): Promise<void>
}

/** Volumes and prefixes of buckets, made the same file by file; one at a time for each volume. */
export interface SyncService {
  /**
   * A file that fails is told, and the others go on; what would fail for all of them ends it.
   * @throws not-found for the volume, conflict when one is under way
   */
  run(request: SyncRequest, onLine: (line: SyncLine) => void, signal: AbortSignal): Promise<SyncTotal>
}
