import type { BackupHeader } from '#model/backup.ts'
import type { ErrorKind } from '#lib/errors.ts'
import type { DigestJob } from './digest.ts'
import type { PackJob } from './pack.ts'
import type { UnpackJob } from './unpack.ts'

export type Job = PackJob | UnpackJob | DigestJob

/** Memory that both sides see: how far the work is needs no messages, and giving up no turn of the worker's loop. */
export interface Shared {
  /** Files, bytes, stored bytes. */
  progress: SharedArrayBuffer
  /** Not 0 when the work is not wanted any more. */
  aborted: SharedArrayBuffer
}

export type ToWorker =
  | { kind: 'job'; job: Job; shared: Shared }
  /** Bytes of the archive that is unpacked. */
  | { kind: 'chunk'; bytes: Uint8Array }
  | { kind: 'end' }
  | { kind: 'places'; paths: (string | undefined)[] }
  /** Bytes of the archive that is packed which the reader has taken. */
  | { kind: 'taken'; bytes: number }
  /** The memory says so already: for a worker that waits. */
  | { kind: 'abort' }

export type FromWorker =
  | { kind: 'chunk'; bytes: Uint8Array }
  | { kind: 'header'; header: BackupHeader | undefined }
  /** Bytes of the archive that is unpacked which were taken in. */
  | { kind: 'taken'; bytes: number }
  | { kind: 'done'; result: unknown }
  | { kind: 'failed'; error: FailedWork }

/** An error as it crosses threads. */
export interface FailedWork {
  kind: ErrorKind
  message: string
  details: Record<string, unknown>
}

/** Bytes that may wait between the two sides. */
export const WINDOW = 8 << 20
