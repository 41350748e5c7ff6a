import { invalid } from '#lib/errors.ts'
import type { HostConfig, PortBinding, RestartPolicy } from '#model/config.ts'
import { checkPort } from './container-config.ts'
import type { HostConfigBody } from './container-schema.ts'
import { mountRequest } from './mounts.ts'
import { allResources, checkResources } from './resources.ts'
import { argv, plainMap } from './schema.ts'
import { checkHostConfig } from './host-config-check.ts'

export interface HostDefaults {
  cgroupVersion: '1' | '2'
  /** Name of the OCI runtime. */
  runtime: string
}

const SHM_SIZE = 64 * 1024 * 1024

/** What a container may not see of /proc and /sys unless privileged (API: `MaskedPaths`). */
const MASKED_PATHS: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const READONLY_PATHS: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** Fills in what was left out, as inspect shows it, and checks values. @throws invalid */
export function hostConfig(body: HostConfigBody, defaults: HostDefaults): HostConfig {
  const privileged = body.Privileged ?? false
  const resources = allResources(body)
  if (resources.Memory > 0 && resources.MemorySwap === 0) resources.MemorySwap = resources.Memory * 2
  if ((resources.PidsLimit ?? 0) <= 0 && (resources.PidsLimit ?? 0) >= -1) resources.PidsLimit = null
  if (resources.OomKillDisable === null && defaults.cgroupVersion === '1') resources.OomKillDisable = false
  const config: HostConfig = {
    ...resources,
    Binds: body.Binds ?? null,
    ContainerIDFile: body.ContainerIDFile ?? '',
    LogConfig: { Type: body.LogConfig?.Type || 'json-file', Config: plainMap(body.LogConfig?.Config) },
    NetworkMode: networkMode(body.NetworkMode),
    PortBindings: portBindings(body.PortBindings),
    RestartPolicy: restartPolicy(body.RestartPolicy),
    AutoRemove: body.AutoRemove ?? false,
    VolumeDriver: body.VolumeDriver ?? '',
    VolumesFrom: body.VolumesFrom ?? null,
    ConsoleSize: [body.ConsoleSize?.[0] ?? 0, body.ConsoleSize?.[1] ?? 0],
    CapAdd: capabilities(argv(body.CapAdd)),
    CapDrop: capabilities(argv(body.CapDrop)),
    CgroupnsMode: cgroupnsMode(body.CgroupnsMode ?? '', privileged, defaults),
    Dns: body.Dns ?? [],
    DnsOptions: body.DnsOptions ?? [],
    DnsSearch: body.DnsSearch ?? [],
    ExtraHosts: body.ExtraHosts ?? null,
    GroupAdd: body.GroupAdd ?? null,
    IpcMode: body.IpcMode || 'private',
    Cgroup: body.Cgroup ?? '',
    Links: body.Links ?? null,
    OomScoreAdj: body.OomScoreAdj ?? 0,
    PidMode: body.PidMode ?? '',
    Privileged: privileged,
    PublishAllPorts: body.PublishAllPorts ?? false,
    ReadonlyRootfs: body.ReadonlyRootfs ?? false,
    SecurityOpt: body.SecurityOpt ?? null,
    UTSMode: body.UTSMode ?? '',
    UsernsMode: body.UsernsMode ?? '',
    ShmSize: body.ShmSize || SHM_SIZE,
    Runtime: body.Runtime || defaults.runtime,
    Isolation: body.Isolation === 'default' ? '' : (body.Isolation ?? ''),
    MaskedPaths: privileged ? null : (body.MaskedPaths ?? [...MASKED_PATHS]),
    ReadonlyPaths: privileged ? null : (body.ReadonlyPaths ?? [...READONLY_PATHS]),
  }
  if (body.Annotations) config.Annotations = plainMap(body.Annotations)
  if (body.StorageOpt) config.StorageOpt = plainMap(body.StorageOpt)
  if (body.Tmpfs) config.Tmpfs = plainMap(body.Tmpfs)
  if (body.Sysctls) config.Sysctls = plainMap(body.Sysctls)
  if (body.Mounts && body.Mounts.length > 0) config.Mounts = body.Mounts.map(mountRequest)
  if (body.Init != null) config.Init = body.Init
  checkResources(config)
  checkHostConfig(config)
  return config
}

/** @throws invalid in Docker's words */
export function restartPolicy(body: HostConfigBody['RestartPolicy']): RestartPolicy {
  const name = body?.Name || 'no'
  const retries = body?.MaximumRetryCount ?? 0
  if (name !== 'no' && name !== 'always' && name !== 'unless-stopped' && name !== 'on-failure') {
    throw invalid(
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    )
  }
  if (retries < 0) throw invalid('invalid restart policy: maximum retry count cannot be negative')
  if (name !== 'on-failure' && retries !== 0) {
    throw invalid(`invalid restart policy: maximum retry count can only be used with 'on-failure'`)
  }
  return { Name: name, MaximumRetryCount: retries }
}

/** An empty mode and `default` both mean the default bridge, and inspect says so. */
function networkMode(mode: string | null | undefined): string {
  return !mode || mode === 'default' ? 'bridge' : mode
}

function cgroupnsMode(mode: string, privileged: boolean, defaults: HostDefaults): HostConfig['CgroupnsMode'] {
  if (mode !== '' && mode !== 'host' && mode !== 'private') throw invalid(`invalid cgroup namespace mode: ${mode}`)
  if (mode !== '') return mode
  return defaults.cgroupVersion === '2' && !privileged ? 'private' : 'host'
}

export function portBindings(body: HostConfigBody['PortBindings']): Record<string, PortBinding[]> {
  const result: Record<string, PortBinding[]> = {}
  for (const [port, bindings] of Object.entries(body ?? {})) {
    checkPort(port)
    // No binding in the list is one that leaves everything to the daemon.
    const list = bindings && bindings.length > 0 ? bindings : [{}]
    result[port.includes('/') ? port.toLowerCase() : `${port}/tcp`] = list.map(({ HostIp, HostPort }) => {
      const binding = { HostIp: HostIp ?? '', HostPort: HostPort ?? '' }
      checkHostPort(binding.HostPort)
      return binding
    })
  }
  return result
}

/** '', `0`, `8080`, or a range to choose from. */
function checkHostPort(port: string): void {
  if (port === '') return
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(port)
  const from = Number(match?.[1])
  const to = Number(match?.[2] ?? match?.[1])
  if (!match || to > 65_535 || to < from) throw invalid(`invalid port specification: ${JSON.stringify(port)}`)
}

/** `net_admin` and `CAP_NET_ADMIN` are the same; inspect shows the latter. */
function capabilities(list: string[] | null): string[] | null {
  if (!list) return null
  return list.map(name => {
    const upper = name.toUpperCase()
    return upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  })
}
