import { EGRESS_KEY } from '#model/egress.ts'
import type { ContainerCreateRequest, Healthcheck, HostConfig } from '#wire/index.ts'
import { CliError, type FlagValues } from '../../core/command.ts'
import { checkMac } from './checks.ts'
import { isCdiName, parseDevice, parseGpus } from './devices.ts'
import { readPairs, readSecurityOptions, toMap } from './files.ts'
import type { CREATE_FLAGS } from './flags.ts'
import { parseRate, parseRestart, parseUlimit, parseWeight } from './limits.ts'
import { parseMount, parseVolumes } from './mounts.ts'
import { networkPlan } from './networks.ts'
import { parsePorts } from './ports.ts'

export type CreateFlags = FlagValues<typeof CREATE_FLAGS>

const wrong = (message: string) => new CliError(message, 125)
const orNull = <T>(list: T[]) => (list.length > 0 ? list : null)

/** What the command line asks for, as the body of `POST /containers/create`. @throws CliError, exit code 125 */
export function createRequest(
  flags: CreateFlags,
  changed: ReadonlySet<string>,
  image: string,
  command: string[],
): ContainerCreateRequest {
  if (flags['mac-address'] !== '') {
    try {
      checkMac(flags['mac-address'])
    } catch (error) {
      throw wrong((error as Error).message)
    }
  }
  const { binds, volumes } = parseVolumes(flags.volume)
  const { exposed, bindings } = parsePorts(flags.publish, flags.expose)
  const env = [...flags['env-file'].flatMap(path => readPairs(path, name => process.env[name])), ...flags.env]
  const labels = { ...toMap(flags['label-file'].flatMap(path => readPairs(path))), ...toMap(flags.label) }
  const streams = flags.attach.length > 0 ? flags.attach : ['stdout', 'stderr', ...(flags.interactive ? ['stdin'] : [])]
  const attachStdin = streams.includes('stdin')
  const network = networkPlan([...flags.network, ...flags.net], {
    aliases: [...flags['network-alias'], ...flags['net-alias']],
    ip: flags.ip,
    ip6: flags.ip6,
    linkLocal: flags['link-local-ip'],
    mac: flags['mac-address'],
    links: flags.link,
  })
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: attachStdin,
    AttachStdout: streams.includes('stdout'),
    AttachStderr: streams.includes('stderr'),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && attachStdin,
    ExposedPorts: exposed,
    Env: env,
    Cmd: command.length > 0 ? command : null,
    Entrypoint: changed.has('entrypoint') ? [flags.entrypoint] : null,
    Healthcheck: healthcheck(flags, changed),
    Image: image,
    Volumes: volumes,
    WorkingDir: flags.workdir,
    Labels: labels,
    StopSignal: changed.has('stop-signal') ? flags['stop-signal'] : undefined,
    StopTimeout: changed.has('stop-timeout') ? flags['stop-timeout'] : undefined,
    HostConfig: {
      ...hostConfig(flags, changed),
      Binds: orNull(binds),
      PortBindings: bindings,
      NetworkMode: network.mode,
    },
    NetworkingConfig: { EndpointsConfig: network.endpoints },
  }
}

function healthcheck(flags: CreateFlags, changed: ReadonlySet<string>): Healthcheck | undefined {
  const given = Array.from(changed).some(name => name.startsWith('health-'))
  if (flags['no-healthcheck']) {
    if (given) throw wrong('--no-healthcheck conflicts with --health-* options')
    return { Test: ['NONE'] }
  }
  if (!given) return undefined
  for (const name of ['health-interval', 'health-timeout', 'health-start-period', 'health-start-interval'] as const) {
    if (flags[name] < 0) throw wrong(`--${name} cannot be negative`)
  }
  if (flags['health-retries'] < 0) throw wrong('--health-retries cannot be negative')
  return {
    Test: flags['health-cmd'] === '' ? undefined : ['CMD-SHELL', flags['health-cmd']],
    Interval: flags['health-interval'],
    Timeout: flags['health-timeout'],
    StartPeriod: flags['health-start-period'],
    StartInterval: flags['health-start-interval'],
    Retries: flags['health-retries'],
  }
}

function hostConfig(flags: CreateFlags, changed: ReadonlySet<string>): Partial<HostConfig> {
  if (flags.rm && changed.has('restart') && flags.restart !== 'no' && flags.restart !== '') {
    throw wrong('conflicting options: cannot specify both --restart and --rm')
  }
  if (flags['log-driver'] === 'none' && flags['log-opt'].length > 0) {
    throw wrong(`invalid logging opts for driver ${flags['log-driver']}`)
  }
  if (flags['storage-opt'].some(option => !option.includes('='))) throw wrong('invalid storage option')
  const security = readSecurityOptions(flags['security-opt'])
  const cdi = flags.device.filter(isCdiName)
  const requests: unknown[] = flags.gpus.map(parseGpus)
  if (cdi.length > 0) requests.push({ Driver: 'cdi', Count: 0, DeviceIDs: cdi, Capabilities: null, Options: null })
  const config: Partial<HostConfig> = {
    ContainerIDFile: flags.cidfile,
    LogConfig: { Type: flags['log-driver'], Config: toMap(flags['log-opt']) },
    RestartPolicy: parseRestart(flags.restart),
    AutoRemove: flags.rm,
    VolumeDriver: flags['volume-driver'],
    VolumesFrom: orNull(flags['volumes-from']),
    CapAdd: orNull(flags['cap-add']),
    CapDrop: orNull(flags['cap-drop']),
    CgroupnsMode: flags.cgroupns as HostConfig['CgroupnsMode'],
    Dns: flags.dns,
    DnsOptions: [...flags['dns-option'], ...flags['dns-opt']],
    DnsSearch: flags['dns-search'],
    ExtraHosts: orNull(flags['add-host']),
    GroupAdd: orNull(flags['group-add']),
    IpcMode: flags.ipc,
    Links: orNull(flags.link),
    OomScoreAdj: flags['oom-score-adj'],
    PidMode: flags.pid,
    Privileged: flags.privileged,
    PublishAllPorts: flags['publish-all'],
    ReadonlyRootfs: flags['read-only'],
    SecurityOpt: orNull(security.options),
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
    ShmSize: flags['shm-size'],
    Runtime: flags.runtime,
    Isolation: flags.isolation,
    Mounts: flags.mount.map(parseMount),
    CpuShares: flags['cpu-shares'],
    Memory: flags.memory,
    NanoCpus: flags.cpus,
    CgroupParent: flags['cgroup-parent'],
    BlkioWeight: flags['blkio-weight'],
    BlkioWeightDevice: flags['blkio-weight-device'].map(parseWeight),
    BlkioDeviceReadBps: flags['device-read-bps'].map(parseRate),
    BlkioDeviceWriteBps: flags['device-write-bps'].map(parseRate),
    BlkioDeviceReadIOps: flags['device-read-iops'].map(parseRate),
    BlkioDeviceWriteIOps: flags['device-write-iops'].map(parseRate),
    CpuPeriod: flags['cpu-period'],
    CpuQuota: flags['cpu-quota'],
    CpuRealtimePeriod: flags['cpu-rt-period'],
    CpuRealtimeRuntime: flags['cpu-rt-runtime'],
    CpusetCpus: flags['cpuset-cpus'],
    CpusetMems: flags['cpuset-mems'],
    Devices: flags.device.filter(device => !isCdiName(device)).map(parseDevice),
    DeviceCgroupRules: orNull(flags['device-cgroup-rule']),
    DeviceRequests: orNull(requests),
    MemoryReservation: flags['memory-reservation'],
    MemorySwap: flags['memory-swap'],
    MemorySwappiness: flags['memory-swappiness'] === -1 ? null : flags['memory-swappiness'],
    OomKillDisable: flags['oom-kill-disable'],
    PidsLimit: changed.has('pids-limit') ? flags['pids-limit'] : null,
    Ulimits: orNull(flags.ulimit.map(parseUlimit)),
  }
  if (security.systemPathsOpen) Object.assign(config, { MaskedPaths: [], ReadonlyPaths: [] })
  if (changed.has('init')) config.Init = flags.init
  if (changed.has('annotation')) config.Annotations = flags.annotation
  if (changed.has('egress')) config.Annotations = { ...config.Annotations, [EGRESS_KEY]: flags.egress }
  if (changed.has('storage-opt')) config.StorageOpt = toMap(flags['storage-opt'])
  if (changed.has('sysctl')) config.Sysctls = flags.sysctl
  if (flags.tmpfs.length > 0) {
    config.Tmpfs = Object.fromEntries(
      flags.tmpfs.map(value => {
        const colon = value.indexOf(':')
        return colon < 0 ? [value, ''] : [value.slice(0, colon), value.slice(colon + 1)]
      }),
    )
  }
  return config
}
