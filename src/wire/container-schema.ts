import { z } from 'zod'
import { command, flag, integer, keySet, stringMap, strings, text } from './schema.ts'

/** Request bodies of `POST /containers/create`, `/update` and `POST /commit`: shapes only. */

const healthcheck = z
  .object({
    Test: strings,
    Interval: integer,
    Timeout: integer,
    Retries: integer,
    StartPeriod: integer,
    StartInterval: integer,
  })
  .nullish()

const configFields = {
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: keySet,
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: strings,
  Cmd: command,
  Entrypoint: command,
  Healthcheck: healthcheck,
  Image: text,
  Volumes: keySet,
  WorkingDir: text,
  NetworkDisabled: flag,
  MacAddress: text,
  OnBuild: strings,
  Labels: stringMap,
  StopSignal: text,
  StopTimeout: integer,
  Shell: command,
}

const weights = z.array(z.object({ Path: text, Weight: integer })).nullish()
const rates = z.array(z.object({ Path: text, Rate: integer })).nullish()

const resourceFields = {
  CpuShares: integer,
  Memory: integer,
  NanoCpus: integer,
  CgroupParent: text,
  BlkioWeight: integer,
  BlkioWeightDevice: weights,
  BlkioDeviceReadBps: rates,
  BlkioDeviceWriteBps: rates,
  BlkioDeviceReadIOps: rates,
  BlkioDeviceWriteIOps: rates,
  CpuPeriod: integer,
  CpuQuota: integer,
  CpuRealtimePeriod: integer,
  CpuRealtimeRuntime: integer,
  CpusetCpus: text,
  CpusetMems: text,
  Devices: z.array(z.object({ PathOnHost: text, PathInContainer: text, CgroupPermissions: text })).nullish(),
  DeviceCgroupRules: strings,
  DeviceRequests: z.array(z.looseObject({})).nullish(),
  MemoryReservation: integer,
  MemorySwap: integer,
  MemorySwappiness: integer,
  OomKillDisable: flag,
  PidsLimit: integer,
  Ulimits: z.array(z.object({ Name: text, Soft: integer, Hard: integer })).nullish(),
}

const restartPolicy = z.object({ Name: text, MaximumRetryCount: integer }).nullish()

const mount = z.object({
  Type: text,
  Source: text,
  Target: text,
  ReadOnly: flag,
  Consistency: text,
  BindOptions: z
    .object({
      Propagation: text,
      NonRecursive: flag,
      CreateMountpoint: flag,
      ReadOnlyNonRecursive: flag,
      ReadOnlyForceRecursive: flag,
      IdMap: text,
      RequireMountpoint: flag,
    })
    .nullish(),
  VolumeOptions: z
    .object({
      NoCopy: flag,
      Labels: stringMap,
      Subpath: text,
      DriverConfig: z.object({ Name: text, Options: stringMap }).nullish(),
    })
    .nullish(),
  ImageOptions: z.object({ Subpath: text }).nullish(),
  TmpfsOptions: z
    .object({ SizeBytes: integer, Mode: integer, Options: z.array(z.array(z.string())).nullish() })
    .nullish(),
})

const portBindings = z.record(z.string(), z.array(z.object({ HostIp: text, HostPort: text })).nullable()).nullish()

const hostConfig = z.object({
  ...resourceFields,
  Binds: strings,
  ContainerIDFile: text,
  LogConfig: z.object({ Type: text, Config: stringMap }).nullish(),
  NetworkMode: text,
  PortBindings: portBindings,
  RestartPolicy: restartPolicy,
  AutoRemove: flag,
  VolumeDriver: text,
  VolumesFrom: strings,
  ConsoleSize: z.array(z.number()).nullish(),
  Annotations: stringMap,
  CapAdd: command,
  CapDrop: command,
  CgroupnsMode: text,
  Dns: strings,
  DnsOptions: strings,
  DnsSearch: strings,
  ExtraHosts: strings,
  GroupAdd: strings,
  IpcMode: text,
  Cgroup: text,
  Links: strings,
  OomScoreAdj: integer,
  PidMode: text,
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: strings,
  StorageOpt: stringMap,
  Tmpfs: stringMap,
  UTSMode: text,
  UsernsMode: text,
  ShmSize: integer,
  Sysctls: stringMap,
  Runtime: text,
  Isolation: text,
  Mounts: z.array(mount).nullish(),
  MaskedPaths: strings,
  ReadonlyPaths: strings,
  Init: flag,
})

export const endpointSchema = z.object({
  IPAMConfig: z.object({ IPv4Address: text, IPv6Address: text, LinkLocalIPs: strings }).nullish(),
  Links: strings,
  Aliases: strings,
  MacAddress: text,
  DriverOpts: stringMap,
  GwPriority: integer,
})

export const configSchema = z.object(configFields)
export const createSchema = z.object({
  ...configFields,
  HostConfig: hostConfig.nullish(),
  NetworkingConfig: z.object({ EndpointsConfig: z.record(z.string(), endpointSchema.nullable()).nullish() }).nullish(),
})
export const updateSchema = z.object({
  ...resourceFields,
  RestartPolicy: restartPolicy,
  PublishAdd: portBindings,
  Egress: z.string().nullish(),
  PublishRemove: portBindings,
})

export type ConfigBody = z.infer<typeof configSchema>
export type HostConfigBody = z.infer<typeof hostConfig>
export type ResourcesBody = z.infer<typeof updateSchema>
export type MountBody = z.infer<typeof mount>
export type EndpointBody = z.infer<typeof endpointSchema>
