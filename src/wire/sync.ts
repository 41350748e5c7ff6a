import type { SyncLine } from '#model/sync.ts'

/** Body of `POST /berth/volumes/{name}/sync`; the answer is JSON lines. `Environment` is for this request alone, and is not kept. */
export interface SyncRequestJson {
  /** `s3://bucket/prefix` */
  Target: string
  Direction: 'to' | 'from'
  Delete?: boolean
  DryRun?: boolean
  SizeOnly?: boolean
  ExactTimestamps?: boolean
  /** `+pattern` takes, `-pattern` leaves out; later ones win. */
  Filters?: string[]
  Environment?: Record<string, string>
}

export type SyncLineJson = SyncLine | { action?: undefined; error: string }
