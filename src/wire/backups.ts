import type { BackupFormat, BackupProgress, BackupSchedule, RestoreProgress, Retention } from '#model/backup.ts'

/** A body of `POST /berth/volumes/backup` that has a line of JSON, and then the stored index of the base. */
export const WITH_BASE = 'application/vnd.berth.backup'

/**
 * Body of `POST /berth/volumes/backup`; the answer is the archive. Headers: `Berth-Backup-Id`, `Berth-Backup-Created`,
 * `Berth-Backup-Bytes` (expected content, -1 unknown). A failure on the way breaks the stream; `GET /berth/backups/ID` tells
 * why, and how far it is. For an incremental backup the body is of the type `WITH_BASE`.
 */
export interface BackupRequest {
  Volumes: string[]
  Format?: BackupFormat
  Level?: number
  Pause?: boolean
  NoHooks?: boolean
  Repeat?: { Id: string; CreatedAt: string }
}

/** `GET /berth/backups/{id}` */
export type BackupStatus = BackupProgress

/** Body of `POST /berth/restores` */
export interface RestoreRequest {
  Rename?: Record<string, string>
  Only?: string[]
  Replace?: boolean
  Foreign?: boolean
  /** Check everything, and change nothing: `commit` answers with the state `verified`. */
  Verify?: boolean
}

/**
 * Answer of `POST /berth/restores`, `GET /berth/restores/{id}`, `PUT /berth/restores/{id}?offset=N` (a piece of the archive,
 * of any length), `POST /berth/restores/{id}/next`, `POST /berth/restores/{id}/commit`. `DELETE` gives up.
 */
export type RestoreStatus = RestoreProgress

/** Body of `POST /berth/schedules` */
export interface ScheduleRequest {
  Volumes: string[]
  /** Cron, five fields, `@daily`, `@every 6h`. */
  When: string
  /** On the daemon's host: an absolute directory, or a URL. */
  Target: string
  Format?: BackupFormat
  Pause?: boolean
  FullEvery?: number
  Retention?: Retention
  Recipients?: string[]
  EnvironmentFile?: string
}

/**
 * Answer of `POST /berth/schedules`, `GET /berth/schedules/{id}`, and of `POST /berth/schedules/{id}/run` (when the backup is
 * over, well or not), `…/pause` and `…/resume`; `GET /berth/schedules` has a list of them.
 */
export type ScheduleJson = BackupSchedule
