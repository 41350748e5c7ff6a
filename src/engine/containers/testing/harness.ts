import { silentLogger } from '#lib/log.ts'
import { notFound } from '#lib/errors.ts'
import type { ContainerConfig, HostConfig } from '#model/config.ts'
import type { EngineEvent } from '#model/event.ts'
import type { Cgroups } from '#ports/cgroups.ts'
import type { FileStat, RootedFiles } from '#ports/files.ts'
import type { Host } from '#ports/host.ts'
import type { Logs } from '#ports/logs.ts'
import type { Processes } from '#ports/processes.ts'
import { FakeFiles } from '#ports/testing/fake-files.ts'
import { FakeMounts } from '#ports/testing/fake-mounts.ts'
import { FakeRuntime } from '#ports/testing/fake-runtime.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import { Containers } from '../containers.ts'
import { Events } from '../events.ts'
import { FakeImages, FakeNetworks, FakeVolumes } from './fake-siblings.ts'
import { ManualClock } from './manual-clock.ts'

const ALL =
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'
export const CAPABILITIES: readonly string[] = ALL.toUpperCase().split(' ')

/** The containers engine on fakes, and what tests look at. */
export class Harness {
  readonly clock = new ManualClock()
  readonly runtime = new FakeRuntime(() => this.clock.now())
  readonly files = new FakeFiles()
  readonly mounts = new FakeMounts()
  readonly store: FakeStore
  readonly images: FakeImages
  readonly volumes = new FakeVolumes()
  readonly networks = new FakeNetworks()
  readonly events = new Events(this.clock)
  /** Files of every root filesystem, by path. */
  readonly rootFiles = new Map<string, string>([
    ['/etc/passwd', 'root:x:0:0::/root:/bin/sh\nweb:x:33:33::/srv:/bin/sh\n'],
    ['/etc/group', 'root:x:0:\nweb:x:33:\nlog:x:44:web\n'],
  ])
  readonly seen: EngineEvent[] = []
  containers: Containers
  #ids = 0

  constructor(options: { image?: Partial<ContainerConfig>; store?: FakeStore } = {}) {
    this.store = options.store ?? new FakeStore()
    this.images = new FakeImages(options.image)
    const publish = this.events.publish.bind(this.events)
    this.events.publish = event => {
      this.seen.push(event as EngineEvent)
      publish(event)
    }
    this.containers = this.restart()
  }

  /** A new engine on the same host and store, as after a crash. Not recovered yet. */
  restart(): Containers {
    this.containers = new Containers({
      pinRoot: '/run/berth/mounts',
      runtime: this.runtime,
      cgroups: fakeCgroups(),
      processes: { rows: () => [], ps: async () => ({ titles: [], rows: [] }) } as unknown as Processes,
      files: this.files,
      rooted: this.#rooted(),
      mounts: this.mounts,
      logs: fakeLogs(),
      host: fakeHost(),
      store: this.store,
      images: this.images.service,
      volumes: this.volumes.service,
      networks: this.networks.service,
      events: this.events,
      clock: this.clock,
      log: silentLogger,
      dataRoot: '/data',
      initPath: '/usr/bin/tini',
      randomHex: digits => (++this.#ids).toString(16).padStart(digits, '0').slice(-digits).split('').reverse().join(''),
      random: () => 0.5,
    })
    return this.containers
  }

  /** Creates a container of image `box`. */
  async create(
    name = 'web',
    config: Partial<ContainerConfig> = {},
    hostConfig: Partial<HostConfig> = {},
  ): Promise<string> {
    const { id } = await this.containers.create({
      name,
      config: containerConfig(config),
      hostConfig: hostConfigOf(hostConfig),
      endpoints: {},
    })
    return id
  }

  actions(): string[] {
    return this.seen.map(event => event.Action)
  }

  #rooted(): RootedFiles {
    const stat = async (_root: string, path: string): Promise<FileStat> => {
      if (path !== '/' && !this.rootFiles.has(path)) throw notFound(`${path}: no such file or directory`)
      const kind = path === '/' || this.rootFiles.get(path) === '<dir>' ? 'directory' : 'file'
      return { kind, mode: 0o755, uid: 0, gid: 0, size: 0, mtimeMs: 0, name: path.slice(path.lastIndexOf('/') + 1) }
    }
    return {
      stat,
      read: async (root: string, path: string) => {
        await stat(root, path)
        return this.rootFiles.get(path) ?? ''
      },
      resolve: async (_root: string, path: string) => path,
      makeDirectories: async (_root: string, path: string) => void this.rootFiles.set(path, '<dir>'),
    } as unknown as RootedFiles
  }
}

export function containerConfig(part: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    Hostname: '',
    Domainname: '',
    User: '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ExposedPorts: {},
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: [],
    Cmd: null,
    Entrypoint: null,
    Image: 'box',
    Volumes: {},
    WorkingDir: '',
    Labels: {},
    ...part,
  }
}

export function hostConfigOf(part: Partial<HostConfig> = {}): HostConfig {
  return {
    NetworkMode: 'default',
    RestartPolicy: { Name: '', MaximumRetryCount: 0 },
    LogConfig: { Type: '', Config: {} },
    AutoRemove: false,
    Privileged: false,
    ShmSize: 0,
    OomScoreAdj: 0,
    Memory: 0,
    NanoCpus: 0,
    IpcMode: '',
    PidMode: '',
    UTSMode: '',
    UsernsMode: '',
    CgroupnsMode: '',
    CgroupParent: '',
    ...part,
  } as HostConfig
}

function fakeCgroups(): Cgroups {
  return {
    mode: 'v1',
    controllers: new Set(['cpu', 'memory', 'pids', 'blkio', 'cpuset', 'devices', 'freezer']),
    pids: () => [],
  } as unknown as Cgroups
}

function fakeLogs(): Logs {
  return { rotate: () => () => {}, remove: async () => {}, size: async () => 0 } as unknown as Logs
}

function fakeHost(): Host {
  return {
    facts: () => ({
      hostname: 'machine',
      kernelVersion: '6.18.5',
      operatingSystem: 'Linux',
      architecture: 'x86_64',
      osType: 'linux',
      cpus: 2,
      memoryBytes: 1e9,
      capabilities: CAPABILITIES,
      apparmor: false,
      selinux: false,
      seccomp: true,
      bridgeNfIptables: false,
      ipv6: true,
    }),
  } as unknown as Host
}
