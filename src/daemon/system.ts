import type { ContainersService } from '#engine/containers/index.ts'
import type { ImagesService } from '#engine/images/index.ts'
import { MAX_API, MIN_API, type SystemProvider } from '#http/index.ts'
import type { Clock } from '#lib/clock.ts'
import { rfc3339Nano } from '#lib/clock.ts'
import { isAlive } from '#model/container-state.ts'
import type { Cgroups } from '#ports/cgroups.ts'
import type { Host } from '#ports/host.ts'
import type { Registry } from '#ports/registry.ts'
import type { Runtime } from '#ports/runtime.ts'
import type { DaemonOptions } from './options.ts'
import { readdirSync, readFileSync, statfsSync } from 'node:fs'

export const VERSION = '0.1.0'

export interface SystemParts {
  id: string
  options: DaemonOptions
  host: Host
  cgroups: Cgroups
  runtime: Runtime
  registry: Registry
  containers: ContainersService
  images: ImagesService
  clock: Clock
  initPath: string | undefined
  /** How many clients listen to events. */
  listeners: () => number
}

/** Index of Docker Hub, as clients know it. */
const DOCKER_HUB = 'https://index.docker.io/v1/'

/** Superblock magics of the file systems that overlayfs takes as an upper layer (statfs(2)). */
const FILE_SYSTEMS: Record<number, string> = {
  0xef53: 'extfs',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0xf2f52010: 'f2fs',
}

function fileSystemOf(directory: string): string {
  const { type } = statfsSync(directory)
  return FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`
}

/** `GET /info`, `/version`, `/auth`: what the API says of the daemon as a whole. */
export function systemProvider(parts: SystemParts): SystemProvider {
  const { options, host, runtime, cgroups } = parts
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  return {
    version() {
      const facts = host.facts()
      const oci = runtime.info()
      const api = { ApiVersion: `1.${MAX_API}`, MinAPIVersion: `1.${MIN_API}` }
      const details: Record<string, string> = {
        ...api,
        Arch: architecture,
        Os: 'linux',
        KernelVersion: facts.kernelVersion,
        GoVersion: '',
      }
      return {
        Platform: { Name: 'Berth' },
        Components: [
          {
            Name: 'Engine',
            Version: VERSION,
            Details: { ...details, NodeVersion: process.version, Experimental: 'false' },
          },
          { Name: oci.name, Version: oci.version, Details: { Path: oci.path } as Record<string, string> },
        ],
        Version: VERSION,
        ...api,
        GitCommit: '',
        GoVersion: '',
        Os: 'linux',
        Arch: architecture,
        KernelVersion: facts.kernelVersion,
        BuildTime: '',
      }
    },

    async info() {
      const facts = host.facts()
      const oci = runtime.info()
      const records = (await parts.containers.list(new Map(), { all: true, limit: 0, size: false })).map(
        view => view.record,
      )
      const images = await parts.images.list(new Map(), { all: true })
      const has = (name: string) => cgroups.controllers.has(name)
      const paused = records.filter(record => record.state.kind === 'paused').length
      const alive = records.filter(record => isAlive(record.state)).length
      return {
        ID: parts.id,
        Containers: records.length,
        ContainersRunning: alive - paused,
        ContainersPaused: paused,
        ContainersStopped: records.length - alive,
        Images: images.length,
        Driver: 'overlay2',
        DriverStatus: [['Backing Filesystem', fileSystemOf(options.dataRoot)]],
        Plugins: {
          Volume: ['local'],
          Network: ['bridge', 'host', 'ipvlan', 'macvlan', 'null'],
          Authorization: null,
          Log: ['json-file', 'local', 'none'],
        },
        MemoryLimit: has('memory'),
        SwapLimit: has('memory'),
        CpuCfsPeriod: has('cpu'),
        CpuCfsQuota: has('cpu'),
        CPUShares: has('cpu'),
        CPUSet: has('cpuset'),
        PidsLimit: has('pids'),
        IPv4Forwarding: readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim() === '1',
        Debug: options.debug,
        NFd: readdirSync('/proc/self/fd').length,
        OomKillDisable: has('memory') && cgroups.mode !== 'v2',
        NGoroutines: 0,
        SystemTime: rfc3339Nano(parts.clock.nowNano()),
        LoggingDriver: 'json-file',
        CgroupDriver: oci.cgroupDriver,
        CgroupVersion: oci.cgroupVersion,
        NEventsListener: parts.listeners(),
        KernelVersion: facts.kernelVersion,
        OperatingSystem: facts.operatingSystem,
        OSVersion: /\d[\d.]*/.exec(facts.operatingSystem)?.[0] ?? '',
        OSType: 'linux',
        Architecture: facts.architecture,
        IndexServerAddress: DOCKER_HUB,
        RegistryConfig: {
          InsecureRegistryCIDRs: ['127.0.0.0/8', '::1/128'],
          IndexConfigs: {
            'docker.io': { Name: 'docker.io', Mirrors: options.registryMirrors, Secure: true, Official: true },
            ...Object.fromEntries(
              options.insecureRegistries.map(name => [
                name,
                { Name: name, Mirrors: [], Secure: false, Official: false },
              ]),
            ),
          },
          Mirrors: options.registryMirrors,
        },
        NCPU: facts.cpus,
        MemTotal: facts.memoryBytes,
        GenericResources: null,
        DockerRootDir: options.dataRoot,
        HttpProxy: process.env['HTTP_PROXY'] ?? '',
        HttpsProxy: process.env['HTTPS_PROXY'] ?? '',
        NoProxy: process.env['NO_PROXY'] ?? '',
        Name: facts.hostname,
        Labels: [],
        ExperimentalBuild: false,
        ServerVersion: VERSION,
        Runtimes: { [oci.name]: { path: oci.path } },
        DefaultRuntime: oci.name,
        Swarm: {
          NodeID: '',
          NodeAddr: '',
          LocalNodeState: 'inactive',
          ControlAvailable: false,
          Error: '',
          RemoteManagers: null,
        },
        LiveRestoreEnabled: true,
        Isolation: '',
        InitBinary: parts.initPath ?? '',
        ContainerdCommit: { ID: '' },
        RuncCommit: { ID: oci.version },
        InitCommit: { ID: '' },
        SecurityOptions: [
          ...(facts.apparmor ? ['name=apparmor'] : []),
          ...(facts.seccomp ? ['name=seccomp,profile=builtin'] : []),
          ...(oci.cgroupVersion === '2' ? ['name=cgroupns'] : []),
        ],
        CDISpecDirs: null,
        Warnings: null,
      }
    },

    async checkAuth(auth) {
      const address = auth.serveraddress || DOCKER_HUB
      const name = address.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
      const hub = name === 'index.docker.io' || name === 'docker.io'
      const insecure = options.insecureRegistries.includes(name) || /^(localhost|127\.)/.test(name)
      await parts.registry.ping({ host: hub ? 'registry-1.docker.io' : name, insecure }, auth)
      return { Status: 'Login Succeeded', IdentityToken: '' }
    },
  }
}
