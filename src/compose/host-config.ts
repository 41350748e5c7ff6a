import { posix } from 'node:path'
import { EGRESS_KEY } from '#model/egress.ts'
import type { ContainerCreateRequest } from '#wire/index.ts'
import { linksOf } from './names.ts'
import type { FileReference, Project, Service, ServiceVolume } from './project.ts'
import type { Inherited } from './request.ts'

type HostConfigRequest = NonNullable<ContainerCreateRequest['HostConfig']>
type MountRequest = NonNullable<HostConfigRequest['Mounts']>[number]

/** The host half of a service's container. Absent keys take the engine's default. */
export function hostConfig(
  project: Project,
  service: Service,
  firstNetwork: string | undefined,
  options: { inherited?: Inherited; containerOf?: (service: string) => string },
): HostConfigRequest {
  const { deploy } = service
  const limits = deploy?.resources?.limits
  const reservations = deploy?.resources?.reservations
  const cpus = limits?.cpus ?? service.cpus
  const mode = (value: string | undefined): string | undefined =>
    value?.startsWith('service:') ? `container:${options.containerOf?.(value.slice(8)) ?? value.slice(8)}` : value
  const config: Partial<HostConfigRequest> = {
    NetworkMode: mode(service.network_mode) ?? (firstNetwork ? project.networks[firstNetwork]!.name : 'none'),
    PortBindings: bindings(service),
    RestartPolicy: restartPolicy(service),
    Mounts: [
      ...service.volumes.map(volume => mount(project, volume, options.inherited)),
      ...fileMounts(project.configs, service.configs, ''),
      ...fileMounts(project.secrets, service.secrets, '/run/secrets'),
      ...inheritedMounts(service, options.inherited),
    ],
    Tmpfs: Object.fromEntries(service.tmpfs.map(entry => splitOnce(entry, ':'))),
    VolumesFrom: service.volumes_from.map(from =>
      from.startsWith('container:') ? from.slice('container:'.length) : renamed(from, options.containerOf),
    ),
    ExtraHosts: service.extra_hosts,
    // Elsewhere links belong to the endpoints.
    Links: service.network_mode === 'bridge' ? linksOf(project, service) : undefined,
    CapAdd: service.cap_add,
    CapDrop: service.cap_drop,
    SecurityOpt: service.security_opt.map(option => option.replace(/^([\w-]+):/, '$1=')),
    GroupAdd: service.group_add,
    Sysctls: service.sysctls,
    Dns: service.dns,
    DnsSearch: service.dns_search,
    DnsOptions: service.dns_opt,
    Devices: service.devices.map(device => {
      const [host = '', inside = host, permissions = 'rwm'] = device.split(':')
      return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: permissions }
    }),
    Ulimits: Object.entries(service.ulimits).map(([Name, { soft, hard }]) => ({ Name, Soft: soft, Hard: hard })),
    Memory: limits?.memory ?? service.mem_limit,
    MemoryReservation: reservations?.memory ?? service.mem_reservation,
    MemorySwap: service.memswap_limit,
    MemorySwappiness: service.mem_swappiness,
    NanoCpus: cpus === undefined ? undefined : Math.round(cpus * 1e9),
    CpuShares: service.cpu_shares,
    CpuQuota: service.cpu_quota,
    CpuPeriod: service.cpu_period,
    CpusetCpus: service.cpuset,
    PidsLimit: limits?.pids ?? service.pids_limit,
    OomScoreAdj: service.oom_score_adj,
    OomKillDisable: service.oom_kill_disable,
    ShmSize: service.shm_size,
    ReadonlyRootfs: service.read_only,
    Privileged: service.privileged,
    Init: service.init,
    PidMode: mode(service.pid),
    IpcMode: mode(service.ipc),
    UTSMode: service.uts,
    UsernsMode: service.userns_mode,
    CgroupnsMode: service.cgroup as 'host' | 'private' | undefined,
    CgroupParent: service.cgroup_parent,
    Runtime: service.runtime,
    Annotations: annotations(service),
    LogConfig: service.logging ? { Type: service.logging.driver ?? '', Config: service.logging.options } : undefined,
  }
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)) as HostConfigRequest
}

function annotations(service: Service): Record<string, string> | undefined {
  const egress = service['x-berth-egress']
  const all = { ...service.annotations, ...(egress === undefined ? {} : { [EGRESS_KEY]: egress }) }
  return Object.keys(all).length > 0 ? all : undefined
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function renamed(from: string, containerOf: ((service: string) => string) | undefined): string {
  const [service, options] = splitOnce(from, ':')
  return `${containerOf?.(service) ?? service}${options ? `:${options}` : ''}`
}

function bindings(service: Service) {
  const result: Record<string, { HostIp: string; HostPort: string }[]> = {}
  for (const { target, protocol, host_ip, published } of service.ports) {
    const list = (result[`${target}/${protocol}`] ??= [])
    list.push({ HostIp: host_ip, HostPort: published })
  }
  return result
}

function restartPolicy(service: Service): HostConfigRequest['RestartPolicy'] {
  if (service.restart) {
    const [name, count] = splitOnce(service.restart, ':')
    return { Name: name as 'always', MaximumRetryCount: Number(count) }
  }
  const policy = service.deploy?.restart_policy
  if (!policy) return undefined
  switch (policy.condition ?? 'any') {
    case 'none':
      return { Name: 'no', MaximumRetryCount: 0 }
    case 'on-failure':
      return { Name: 'on-failure', MaximumRetryCount: policy.max_attempts ?? 0 }
    default:
      return { Name: 'always', MaximumRetryCount: 0 }
  }
}

function mount(project: Project, volume: ServiceVolume, inherited?: Inherited): MountRequest {
  const base = { Type: volume.type, Target: volume.target, ReadOnly: volume.read_only ?? false }
  switch (volume.type) {
    case 'bind':
      return {
        ...base,
        Source: volume.source,
        BindOptions: {
          CreateMountpoint: volume.bind?.create_host_path ?? true,
          ...(volume.bind?.propagation ? { Propagation: volume.bind.propagation } : {}),
        },
      }
    case 'tmpfs':
      return { ...base, TmpfsOptions: { SizeBytes: volume.tmpfs?.size, Mode: volume.tmpfs?.mode } }
    case 'image':
      return {
        ...base,
        Source: volume.source,
        ...(volume.image?.subpath ? { ImageOptions: { Subpath: volume.image.subpath } } : {}),
      }
    default:
      return {
        ...base,
        Source: volume.source
          ? project.volumes[volume.source]!.name
          : inherited?.volumes[posix.normalize(volume.target)],
        ...(volume.volume ? { VolumeOptions: { NoCopy: volume.volume.nocopy, Subpath: volume.volume.subpath } } : {}),
      }
  }
}

/** Volumes that the image asks for (`VOLUME`) and that the replaced container has filled. */
function inheritedMounts(service: Service, inherited: Inherited | undefined): MountRequest[] {
  const covered = new Set([
    ...service.volumes.map(volume => posix.normalize(volume.target)),
    ...service.tmpfs.map(entry => posix.normalize(splitOnce(entry, ':')[0])),
  ])
  return Object.entries(inherited?.volumes ?? {})
    .filter(([target]) => !covered.has(posix.normalize(target)))
    .map(([Target, Source]) => ({ Type: 'volume' as const, Target, Source, ReadOnly: false }))
}

/** Configs and secrets that are files on the host are bind-mounted; the others are written into the container. */
function fileMounts(objects: Project['configs'], references: FileReference[], directory: string): MountRequest[] {
  return references.flatMap(reference => {
    const file = objects[reference.source]!.file
    if (file === undefined) return []
    return [{ Type: 'bind' as const, Source: file, Target: fileTarget(reference, directory), ReadOnly: true }]
  })
}

export function fileTarget(reference: FileReference, directory: string): string {
  return posix.resolve(directory || '/', reference.target ?? reference.source)
}
