/**
 * What a user asks of a container. These documents carry the Engine API's own field names because they are stored
 * and shown exactly as they were asked for (API: `POST /containers/create`).
 */
export interface Healthcheck {
  /** `[]` inherit, `['NONE']` off, `['CMD', …]`, `['CMD-SHELL', script]`. */
  Test?: string[]
  /** Nanoseconds; 0 inherits. */
  Interval?: number
  Timeout?: number
  Retries?: number
  StartPeriod?: number
  StartInterval?: number
}

/** The part that an image also has. */
export interface ContainerConfig {
  Hostname: string
  Domainname: string
  User: string
  AttachStdin: boolean
  AttachStdout: boolean
  AttachStderr: boolean
  ExposedPorts: Record<string, Record<string, never>>
  Tty: boolean
  OpenStdin: boolean
  StdinOnce: boolean
  Env: string[]
  Cmd: string[] | null
  Entrypoint: string[] | null
  Healthcheck?: Healthcheck
  /** The image as the user named it. */
  Image: string
  Volumes: Record<string, Record<string, never>>
  WorkingDir: string
  NetworkDisabled?: boolean
  OnBuild?: string[] | null
  Labels: Record<string, string>
  StopSignal?: string
  /** Seconds; -1 waits for ever. */
  StopTimeout?: number
  Shell?: string[]
}

export interface PortBinding {
  HostIp: string
  /** '' or '0' asks for an ephemeral port. */
  HostPort: string
}

export interface RestartPolicy {
  Name: '' | 'no' | 'always' | 'unless-stopped' | 'on-failure'
  MaximumRetryCount: number
}

export interface DeviceMapping {
  PathOnHost: string
  PathInContainer: string
  CgroupPermissions: string
}

export interface Ulimit {
  Name: string
  Soft: number
  Hard: number
}

export interface MountRequest {
  Type: 'bind' | 'volume' | 'tmpfs' | 'image' | 'npipe' | 'cluster'
  Source?: string
  Target: string
  ReadOnly?: boolean
  Consistency?: string
  BindOptions?: {
    Propagation?: string
    NonRecursive?: boolean
    CreateMountpoint?: boolean
    ReadOnlyNonRecursive?: boolean
    ReadOnlyForceRecursive?: boolean
    /** Berth's own: as the word `idmap` of `-v`; '' is the plain one. */
    IdMap?: string
    /** Berth's own. */
    RequireMountpoint?: boolean
  }
  VolumeOptions?: {
    NoCopy?: boolean
    Labels?: Record<string, string>
    Subpath?: string
    DriverConfig?: { Name?: string; Options?: Record<string, string> }
  }
  ImageOptions?: { Subpath?: string }
  TmpfsOptions?: { SizeBytes?: number; Mode?: number; Options?: string[][] }
}

/** Limits that `POST /containers/{id}/update` can change. */
export interface Resources {
  CpuShares: number
  /** Bytes; 0 is no limit. */
  Memory: number
  /** Billionths of a CPU. */
  NanoCpus: number
  CgroupParent: string
  BlkioWeight: number
  BlkioWeightDevice: { Path: string; Weight: number }[]
  BlkioDeviceReadBps: { Path: string; Rate: number }[]
  BlkioDeviceWriteBps: { Path: string; Rate: number }[]
  BlkioDeviceReadIOps: { Path: string; Rate: number }[]
  BlkioDeviceWriteIOps: { Path: string; Rate: number }[]
  CpuPeriod: number
  CpuQuota: number
  CpuRealtimePeriod: number
  CpuRealtimeRuntime: number
  CpusetCpus: string
  CpusetMems: string
  Devices: DeviceMapping[]
  DeviceCgroupRules: string[] | null
  DeviceRequests: unknown[] | null
  MemoryReservation: number
  /** Memory plus swap in bytes; -1 is unlimited swap, 0 is twice Memory. */
  MemorySwap: number
  MemorySwappiness: number | null
  OomKillDisable: boolean | null
  /** null or <= 0 is no limit. */
  PidsLimit: number | null
  Ulimits: Ulimit[] | null
}

export interface HostConfig extends Resources {
  Binds: string[] | null
  ContainerIDFile: string
  LogConfig: { Type: string; Config: Record<string, string> }
  /** `default`, `bridge`, `none`, `host`, `container:<id>` or a network's name. */
  NetworkMode: string
  PortBindings: Record<string, PortBinding[]>
  RestartPolicy: RestartPolicy
  AutoRemove: boolean
  VolumeDriver: string
  VolumesFrom: string[] | null
  ConsoleSize: [number, number]
  Annotations?: Record<string, string>
  CapAdd: string[] | null
  CapDrop: string[] | null
  CgroupnsMode: '' | 'host' | 'private'
  Dns: string[]
  DnsOptions: string[]
  DnsSearch: string[]
  ExtraHosts: string[] | null
  GroupAdd: string[] | null
  IpcMode: string
  Cgroup: string
  Links: string[] | null
  OomScoreAdj: number
  PidMode: string
  Privileged: boolean
  PublishAllPorts: boolean
  ReadonlyRootfs: boolean
  SecurityOpt: string[] | null
  StorageOpt?: Record<string, string>
  Tmpfs?: Record<string, string>
  UTSMode: string
  UsernsMode: string
  /** Bytes. */
  ShmSize: number
  Sysctls?: Record<string, string>
  Runtime: string
  Isolation: string
  Mounts?: MountRequest[]
  MaskedPaths: string[] | null
  ReadonlyPaths: string[] | null
  Init?: boolean | null
}

/** What a user asks of one attachment to a network (API: `EndpointSettings`, request half). */
export interface EndpointRequest {
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] } | null
  Links?: string[] | null
  Aliases?: string[] | null
  MacAddress?: string
  DriverOpts?: Record<string, string> | null
  GwPriority?: number
}

/** What `POST /containers/{id}/update` may change; what is left out stays. */
export type ContainerChange = Partial<Resources> & {
  RestartPolicy?: RestartPolicy
  /** Berth's own, as `HostConfig.PortBindings`: ports to publish and no longer to publish, without a restart. */
  PublishAdd?: Record<string, PortBinding[]>
  PublishRemove?: Record<string, PortBinding[]>
  /** Berth's own: the egress policy from now on, '' for none. */
  Egress?: string
}
