import type { ContainerConfig, EndpointRequest, HostConfig } from './config.ts'

/** One probe of a health check. Times are RFC 3339 with nanoseconds. */
export interface HealthProbe {
  Start: string
  End: string
  ExitCode: number
  Output: string
}

export interface Health {
  Status: 'none' | 'starting' | 'healthy' | 'unhealthy'
  FailingStreak: number
  /** The last five probes, oldest first. */
  Log: HealthProbe[]
}

/** How a run ended. */
export interface Exit {
  code: number
  /** RFC 3339 with nanoseconds. */
  finishedAt: string
  oomKilled: boolean
  /** Why it could not start, or ''. */
  error: string
}

/** A run of the container's process. */
export interface Run {
  pid: number
  /** Field 22 of /proc/PID/stat, which tells a reused pid from ours. */
  pidStartTime: string
  startedAt: string
}

/**
 * The life of a container, one state at a time; `starting` and `removing` are intents, persisted before the host is
 * touched, so that a restart can tell what to finish or undo.
 */
export type ContainerState =
  | { kind: 'created'; error?: string; exitCode?: number }
  /** `again`: by its restart policy, so that to its users it is still restarting. */
  | { kind: 'starting'; since: string; last?: Exit; again?: true }
  | { kind: 'running'; run: Run; health?: Health; stopping?: boolean }
  | { kind: 'paused'; run: Run; health?: Health }
  | { kind: 'restarting'; last: Exit; startedAt: string; nextAt: number }
  | { kind: 'exited'; last: Exit; startedAt: string; health?: Health }
  | { kind: 'removing'; last?: Exit; startedAt?: string }
  | { kind: 'dead'; last?: Exit; startedAt?: string; error: string }

/** An attachment as it is while the container runs (API: `EndpointSettings`, operational half). */
export interface EndpointRecord {
  networkId: string
  networkName: string
  request: EndpointRequest
  /** 64 hex digits; '' while not attached. */
  endpointId: string
  /** '' while not attached. */
  ipv4: string
  ipv4PrefixLength: number
  ipv4Gateway: string
  ipv6: string
  ipv6PrefixLength: number
  ipv6Gateway: string
  mac: string
  /** Names that the embedded DNS answers with this endpoint, container name included. */
  dnsNames: string[]
}

/** A port of the container as it is published now. */
export interface PublishedPort {
  containerPort: number
  protocol: 'tcp' | 'udp' | 'sctp'
  hostIp: string
  hostPort: number
}

/** A mount as `inspect` shows it (API: `MountPoint`). */
export interface MountPoint {
  Type: 'bind' | 'volume' | 'tmpfs' | 'image'
  Name?: string
  Source: string
  Destination: string
  Driver?: string
  Mode: string
  RW: boolean
  Propagation: string
}

/** What is mounted where, as the request resolves to; sources are looked up anew at each start. */
export interface MountPlan {
  type: 'bind' | 'volume' | 'tmpfs' | 'image'
  /** Host path, volume name, image reference, or '' for tmpfs. */
  source: string
  /** Absolute and clean. */
  destination: string
  readonly: boolean
  /** `rprivate`, `rslave`, …; '' is the default. */
  propagation: string
  /** Mounts below a bind's source come along. */
  recursive: boolean
  /** Read-only are the mounts below too (where the kernel can), only the top, or the mounts below at any price. */
  readonlyDepth?: 'top' | 'force'
  /** Other owners for the files: see `engine/containers/create/idmap.ts`. */
  idmap?: string
  /** The source of a bind must be a mount point: a disk that is not mounted is an error, not an empty directory. */
  requireMountpoint?: boolean
  /** Inside the volume or image. */
  subpath: string
  /** Of a tmpfs, as mount(8) takes them. */
  options: string[]
  /** `-v` makes a missing source directory, `--mount` refuses. */
  createSource: boolean
  noCopy: boolean
  /** A volume that goes with its container. */
  anonymous: boolean
  /** The `Mode` that inspect shows: `z`, `ro`, … */
  mode: string
  driver: string
  driverOptions: Record<string, string>
  labels: Record<string, string>
}

export interface ContainerRecord {
  /** 64 hex digits. */
  id: string
  /** Without the leading slash. */
  name: string
  /** RFC 3339 with nanoseconds. */
  created: string
  /** `sha256:…` of the image's config. */
  imageId: string
  /** `{ os, architecture }` of the image. */
  platform: { os: string; architecture: string }
  config: ContainerConfig
  hostConfig: HostConfig
  mounts: MountPoint[]
  /** In order of destination; absent means none. */
  mountPlan?: MountPlan[]
  /** Attachments in order of `gwPriority` then name; keys are network names. */
  endpoints: Record<string, EndpointRecord>
  publishedPorts: PublishedPort[]
  state: ContainerState
  restartCount: number
  /** The user stopped it: `unless-stopped` stays down. */
  stoppedByUser: boolean
  /** Key of the writable snapshot. */
  snapshotKey: string
  /** Current log file, absolute. */
  logPath: string
  /** Network namespace path while one exists, else ''. */
  sandboxPath: string
}
