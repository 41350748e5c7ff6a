import type {
  ContainerChange as Change,
  ContainerConfig,
  EndpointRequest,
  HostConfig,
  MountRequest,
  PortBinding,
  RestartPolicy,
} from '#model/config.ts'

/** Operational half of an attachment (API: `EndpointSettings`). */
export interface EndpointSettings {
  IPAMConfig: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] } | null
  Links: string[] | null
  Aliases: string[] | null
  MacAddress: string
  DriverOpts: Record<string, string> | null
  GwPriority: number
  NetworkID: string
  EndpointID: string
  Gateway: string
  IPAddress: string
  IPPrefixLen: number
  IPv6Gateway: string
  GlobalIPv6Address: string
  GlobalIPv6PrefixLen: number
  DNSNames: string[] | null
}

export interface NetworkSettings {
  Bridge: string
  SandboxID: string
  SandboxKey: string
  /** `80/tcp` to its bindings; null when exposed and not published. */
  Ports: Record<string, PortBinding[] | null>
  HairpinMode: boolean
  LinkLocalIPv6Address: string
  LinkLocalIPv6PrefixLen: number
  SecondaryIPAddresses: null
  SecondaryIPv6Addresses: null
  EndpointID: string
  Gateway: string
  GlobalIPv6Address: string
  GlobalIPv6PrefixLen: number
  IPAddress: string
  IPPrefixLen: number
  IPv6Gateway: string
  MacAddress: string
  Networks: Record<string, EndpointSettings>
}

export type ContainerStateName = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'

export interface HealthJson {
  Status: 'none' | 'starting' | 'healthy' | 'unhealthy'
  FailingStreak: number
  Log: { Start: string; End: string; ExitCode: number; Output: string }[]
}

export interface ContainerStateJson {
  Status: ContainerStateName
  Running: boolean
  Paused: boolean
  Restarting: boolean
  OOMKilled: boolean
  Dead: boolean
  Pid: number
  ExitCode: number
  Error: string
  StartedAt: string
  FinishedAt: string
  Health?: HealthJson
}

export interface MountPointJson {
  Type: 'bind' | 'volume' | 'tmpfs' | 'image'
  Name?: string
  Source: string
  Destination: string
  Driver?: string
  Mode: string
  RW: boolean
  Propagation: string
}

export interface GraphDriver {
  Data: Record<string, string> | null
  Name: string
}

/** `GET /containers/{id}/json` */
export interface ContainerInspect {
  Id: string
  Created: string
  Path: string
  Args: string[]
  State: ContainerStateJson
  /** `sha256:…` */
  Image: string
  ResolvConfPath: string
  HostnamePath: string
  HostsPath: string
  LogPath: string
  /** With the leading slash. */
  Name: string
  RestartCount: number
  Driver: string
  Platform: string
  MountLabel: string
  ProcessLabel: string
  AppArmorProfile: string
  ExecIDs: string[] | null
  HostConfig: HostConfig
  GraphDriver: GraphDriver
  SizeRw?: number
  SizeRootFs?: number
  Mounts: MountPointJson[]
  Config: ContainerConfig & { MacAddress?: string }
  NetworkSettings: NetworkSettings
}

export interface PortSummary {
  IP?: string
  PrivatePort: number
  PublicPort?: number
  Type: 'tcp' | 'udp' | 'sctp'
}

/** One entry of `GET /containers/json` */
export interface ContainerSummary {
  Id: string
  /** With the leading slash. */
  Names: string[]
  Image: string
  ImageID: string
  Command: string
  /** Seconds since the epoch. */
  Created: number
  Ports: PortSummary[]
  SizeRw?: number
  SizeRootFs?: number
  Labels: Record<string, string>
  State: ContainerStateName
  /** `Up 3 seconds (healthy)`, `Exited (0) 2 minutes ago` */
  Status: string
  HostConfig: { NetworkMode: string; Annotations?: Record<string, string> }
  NetworkSettings: { Networks: Record<string, EndpointSettings> }
  Mounts: MountPointJson[]
}

/** Body of `POST /containers/create`; everything but Image may be left out. */
export type ContainerCreateRequest = Partial<ContainerConfig> & {
  MacAddress?: string
  HostConfig?: Partial<HostConfig> & { Mounts?: MountRequest[] }
  NetworkingConfig?: { EndpointsConfig?: Record<string, EndpointRequest | null> | null } | null
}

export interface ContainerCreateResponse {
  Id: string
  Warnings: string[]
}

/** Body of `POST /containers/{id}/update` */
export type ContainerUpdateRequest = Omit<Change, 'RestartPolicy'> & {
  RestartPolicy?: Partial<RestartPolicy>
}

export interface ContainerUpdateResponse {
  Warnings: string[]
}

/** `POST /containers/{id}/wait` */
export interface ContainerWaitResponse {
  StatusCode: number
  Error?: { Message: string }
}

/** `GET /containers/{id}/top` */
export interface ContainerTopResponse {
  Titles: string[]
  Processes: string[][]
}

/** One entry of `GET /containers/{id}/changes`; 0 modified, 1 added, 2 deleted. */
export interface ContainerChange {
  Path: string
  Kind: 0 | 1 | 2
}

/** `X-Docker-Container-Path-Stat`: base64 of this. */
export interface PathStat {
  name: string
  size: number
  /** Go's os.FileMode: permission bits, bit 31 directory, bit 27 symlink. */
  mode: number
  mtime: string
  linkTarget: string
}

/** `POST /containers/prune` */
export interface ContainersPruneResponse {
  ContainersDeleted: string[]
  SpaceReclaimed: number
}

/** Query of `POST /commit`; the body is a container config. */
export interface CommitQuery {
  container: string
  repo?: string
  tag?: string
  comment?: string
  author?: string
  pause?: boolean
  changes?: string[]
}
