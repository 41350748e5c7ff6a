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
  /** In `/system/df`, and here if `usage=1` asks for it. */
  UsageData?: { Size: number; RefCount: number }
  /** Berth's own, with `usage=1`: names of the containers that refer to it. */
  Users?: string[]
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
  /** Berth's own: try at once whether the data can be reached, for ten seconds at most. */
  Validate?: boolean
}

/** `POST /volumes/prune` */
export interface VolumesPruneResponse {
  VolumesDeleted: string[]
  SpaceReclaimed: number
}
