/** A volume and a prefix of a bucket, made the same (`volume sync`). */
export interface SyncRequest {
  volume: string
  /** `s3://bucket/prefix`. */
  target: string
  /** Seen from the volume: `to` S3, or `from` there. */
  direction: 'to' | 'from'
  /** Delete what the source does not have. */
  delete: boolean
  /** Tell what would be done. */
  dryRun: boolean
  /** What has the same size is the same. */
  sizeOnly: boolean
  /** From S3, what has the same size and another time is not the same, whichever is newer. */
  exactTimestamps: boolean
  filters: SyncFilter[]
  /** `AWS_…` */
  environment: Record<string, string>
}

/** Later ones win. `*` any characters, also slashes, `?` one, `[ab]` and `[!ab]` one of some. */
export interface SyncFilter {
  take: boolean
  pattern: string
}

export type SyncLine =
  | { action: 'upload' | 'download' | 'delete'; path: string; bytes: number }
  | { action: 'failed'; what: 'upload' | 'download' | 'delete'; path: string; reason: string }
  | { action: 'skipped'; path: string; reason: string }
  | { action: 'waiting'; reason: string }
  | ({ action: 'total' } & SyncTotal)

export interface SyncTotal {
  /** That were looked at, on both sides. */
  compared: number
  transferred: number
  /** Of content that was transferred. */
  bytes: number
  deleted: number
  failed: number
  skipped: number
}
