import type { ContainerSummary } from './containers.ts'
import type { ImageSummaryJson } from './images.ts'
import type { VolumeJson } from './volumes.ts'

/** `GET /version` */
export interface SystemVersion {
  Platform: { Name: string }
  Components: { Name: string; Version: string; Details: Record<string, string> }[]
  Version: string
  ApiVersion: string
  MinAPIVersion: string
  GitCommit: string
  GoVersion: string
  Os: string
  Arch: string
  KernelVersion: string
  Experimental?: boolean
  BuildTime: string
}

/** `GET /info` */
export interface SystemInfo {
  ID: string
  Containers: number
  ContainersRunning: number
  ContainersPaused: number
  ContainersStopped: number
  Images: number
  Driver: string
  DriverStatus: [string, string][]
  Plugins: { Volume: string[]; Network: string[]; Authorization: string[] | null; Log: string[] }
  MemoryLimit: boolean
  SwapLimit: boolean
  CpuCfsPeriod: boolean
  CpuCfsQuota: boolean
  CPUShares: boolean
  CPUSet: boolean
  PidsLimit: boolean
  IPv4Forwarding: boolean
  Debug: boolean
  NFd: number
  OomKillDisable: boolean
  NGoroutines: number
  SystemTime: string
  LoggingDriver: string
  CgroupDriver: string
  CgroupVersion: string
  NEventsListener: number
  KernelVersion: string
  OperatingSystem: string
  OSVersion: string
  OSType: string
  Architecture: string
  IndexServerAddress: string
  RegistryConfig: {
    InsecureRegistryCIDRs: string[]
    IndexConfigs: Record<string, { Name: string; Mirrors: string[]; Secure: boolean; Official: boolean }>
    Mirrors: string[]
  }
  NCPU: number
  /** Bytes. */
  MemTotal: number
  GenericResources: null
  DockerRootDir: string
  HttpProxy: string
  HttpsProxy: string
  NoProxy: string
  Name: string
  Labels: string[]
  ExperimentalBuild: boolean
  ServerVersion: string
  Runtimes: Record<string, { path: string; runtimeArgs?: string[] }>
  DefaultRuntime: string
  Swarm: {
    NodeID: string
    NodeAddr: string
    LocalNodeState: 'inactive' | 'active'
    ControlAvailable: boolean
    Error: string
    RemoteManagers: null
  }
  LiveRestoreEnabled: boolean
  Isolation: string
  InitBinary: string
  ContainerdCommit: { ID: string }
  RuncCommit: { ID: string }
  InitCommit: { ID: string }
  SecurityOptions: string[]
  CDISpecDirs: string[] | null
  Warnings: string[] | null
}

/** `GET /system/df`; the parts that `type` did not ask for are left out. */
export interface DiskUsage {
  /** Bytes of all layers, each once. */
  LayersSize?: number
  Images?: ImageSummaryJson[]
  Containers?: (ContainerSummary & { Measured?: MeasuredJson })[]
  Volumes?: (VolumeJson & { Measured?: MeasuredJson })[]
  BuildCache?: unknown[]
  /** Berth's own: in answers to questions without `type`. */
  Berth?: BerthUsage
}

/** Berth's own: how old a figure is. */
export interface MeasuredJson {
  /** RFC 3339. */
  At: string
  /** It may have changed since, and measuring it takes longer than an answer may. */
  Stale: boolean
}

/** What Docker does not tell, in bytes on disk. */
export interface BerthUsage {
  /** Of images: what none with a container needs. */
  ImagesReclaimable: number
  /** Downloads that were cut short; the next pull goes on from there, a prune removes them. */
  PartialPulls: number
  Logs: { ContainerId: string; ContainerName: string; Running: boolean; Size: number }[]
  /** Deleted volumes that can be restored. */
  Trash: { Id: string; Name: string; Size: number; DeletedAt: string; ExpiresAt: string }[]
  /** The store, files of containers, backups under way. */
  Other: number
}

/** `GET /berth/system/prune` (Berth's own): what prunes with these filters would remove, one after the other. */
export interface PrunePreviewJson {
  Containers: { Id: string; Name: string; Size: number }[]
  Networks: { Id: string; Name: string }[]
  Volumes: { Name: string; Size: number; Reason: string }[]
  VolumesKept: { Name: string; Reason: string }[]
  Images: { Id: string; Names: string[]; Size: number }[]
  /** Bytes of unfinished downloads, which go with images. */
  PartialPulls: number
  Trash: { Id: string; Name: string; Size: number }[]
  /** Bytes in all. */
  SpaceReclaimable: number
}

/** One line of `GET /events` */
export interface EventMessage {
  /** Legacy; before 1.52. */
  status?: string
  id?: string
  from?: string
  Type: string
  Action: string
  Actor: { ID: string; Attributes: Record<string, string> }
  scope: string
  time: number
  /** Nanoseconds since the epoch: more than a double holds exactly. Parsed by JSON.parse it is rounded. */
  timeNano: number
}

/** `POST /auth` */
export interface AuthResponse {
  Status: string
  IdentityToken: string
}
