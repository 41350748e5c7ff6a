/** `GET /volumes/{name}` */
export interface VolumeJson {
  CreatedAt: string
  Driver: string
  Labels: Record<string, string> | null
  Mountpoint: string
  Name: string
  Options: Record<string, string> | null
  Scope: 'local' | 'global'
  /** What a driver other than `local` says of it. */
  Status?: Record<string, unknown>
  /** In `/system/df` only. */
  UsageData?: { Size: number; RefCount: number }
}

/** `GET /volumes` */
export interface VolumeListResponse {
  Volumes: VolumeJson[]
  Warnings: string[] | null
}

/** Body of `POST /volumes/create` */
export interface VolumeCreateRequest {
  Name?: string
  Driver?: string
  DriverOpts?: Record<string, string> | null
  Labels?: Record<string, string> | null
}

/** `POST /volumes/prune` */
export interface VolumesPruneResponse {
  VolumesDeleted: string[]
  SpaceReclaimed: number
}
