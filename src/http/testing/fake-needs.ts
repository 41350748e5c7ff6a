import type { BackupsService, SyncService } from '#engine/backups/index.ts'
import type { ContainersService, EventsService } from '#engine/containers/index.ts'
import type { CaptureService, DoctorService, ExplainService } from '#engine/explain/index.ts'
import type { ImagesService } from '#engine/images/index.ts'
import type { NetworksService } from '#engine/networks/index.ts'
import type { SpaceService } from '#engine/space/index.ts'
import type { VolumesService } from '#engine/volumes/index.ts'
import { systemClock } from '#lib/clock.ts'
import { notFound } from '#lib/errors.ts'
import { silentLogger } from '#lib/log.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { ExecRecord } from '#model/exec.ts'
import type { ImageRecord } from '#model/image.ts'
import type { NetworkRecord } from '#model/network.ts'
import { createRequest } from '#wire/container-create.ts'
import type { SystemInfo, SystemVersion } from '#wire/index.ts'
import type { Needs, SystemProvider } from '../needs.ts'

/** An object that has `parts` and throws for anything else that is called. */
export function fake<T extends object>(name: string, parts: Partial<T>): T {
  return new Proxy(parts, {
    get(target, key) {
      if (key in target) return target[key as keyof T]
      return () => {
        throw new Error(`${name}.${String(key)} is not faked`)
      }
    },
  }) as T
}

export const ID = '0123456789abcdef'.repeat(4)

export function containerRecord(change: Partial<ContainerRecord> = {}): ContainerRecord {
  const { config, hostConfig } = createRequest(
    { Image: 'busybox', Cmd: ['sleep', '1 h'], Labels: { tier: 'web' } },
    { cgroupVersion: '2', runtime: 'crun', version: 51, nameOf: name => name },
  )
  return {
    id: ID,
    name: 'web',
    created: '2026-01-02T03:04:05.000000006Z',
    imageId: `sha256:${ID}`,
    platform: { os: 'linux', architecture: 'amd64' },
    config,
    hostConfig,
    mounts: [],
    endpoints: {},
    publishedPorts: [],
    state: { kind: 'running', run: { pid: 42, pidStartTime: '1', startedAt: '2026-01-02T03:04:06Z' } },
    restartCount: 0,
    stoppedByUser: false,
    snapshotKey: ID,
    logPath: '/log',
    sandboxPath: '',
    ...change,
  }
}

export function execRecord(change: Partial<ExecRecord> = {}): ExecRecord {
  return {
    id: 'e'.repeat(64),
    containerId: ID,
    running: false,
    exitCode: null,
    pid: 0,
    openStdin: true,
    openStdout: true,
    openStderr: true,
    tty: false,
    detachKeys: '',
    user: '',
    privileged: false,
    env: [],
    workingDir: '',
    command: ['sh', '-c', 'true'],
    consoleSize: null,
    ...change,
  }
}

export function networkRecord(change: Partial<NetworkRecord> = {}): NetworkRecord {
  return {
    id: 'a'.repeat(64),
    name: 'backend',
    created: '2026-01-02T03:04:05Z',
    driver: 'bridge',
    scope: 'local',
    enableIPv4: true,
    enableIPv6: false,
    internal: false,
    attachable: false,
    ingress: false,
    ipam: { Driver: 'default', Options: {}, Config: [{ Subnet: '172.28.0.0/16', Gateway: '172.28.0.1' }] },
    options: {},
    labels: {},
    builtin: false,
    bridgeName: 'br-aaaaaaaaaaaa',
    ...change,
  }
}

export function imageRecord(change: Partial<ImageRecord> = {}): ImageRecord {
  return {
    id: `sha256:${ID}`,
    tags: ['docker.io/library/busybox:latest'],
    digests: [],
    manifestDigest: `sha256:${'d'.repeat(64)}`,
    parent: '',
    created: '2026-01-02T03:04:05Z',
    platform: { os: 'linux', architecture: 'amd64' },
    author: '',
    comment: '',
    config: { Cmd: ['sh'], Env: ['PATH=/bin'] },
    history: [
      { created: '2026-01-02T03:04:05Z', created_by: 'ADD / /' },
      { created_by: 'CMD sh', empty_layer: true },
    ],
    layers: [
      { diffId: `sha256:${'1'.repeat(64)}`, digest: '', mediaType: '', blobSize: 1, chainId: 'chain', size: 4096 },
    ],
    lastTagTime: '',
    ...change,
  }
}

export interface FakeParts {
  containers?: Partial<ContainersService>
  images?: Partial<ImagesService>
  networks?: Partial<NetworksService>
  volumes?: Partial<VolumesService>
  backups?: Partial<BackupsService>
  sync?: Partial<SyncService>
  space?: Partial<SpaceService>
  explain?: Partial<ExplainService>
  doctor?: Partial<DoctorService>
  capture?: Partial<CaptureService>
  events?: Partial<EventsService>
  system?: Partial<SystemProvider>
}

/** An engine with one running container `web`, one image and one network; `parts` replace methods. */
export function fakeNeeds(parts: FakeParts = {}): Needs {
  const record = containerRecord()
  const find = (reference: string) => {
    if (reference.replace(/^\//, '') === record.name || record.id.startsWith(reference)) return record
    throw notFound(`no such container: ${reference}`)
  }
  const image = imageRecord()
  const network = networkRecord()
  return {
    containers: fake<ContainersService>('containers', {
      get: find,
      view: async reference => ({ record: find(reference) }),
      list: async () => [{ record }],
      execIds: () => [],
      execGet(id) {
        if (id === execRecord().id) return execRecord()
        throw notFound(`no such exec instance: ${id}`)
      },
      ...parts.containers,
    }),
    images: fake<ImagesService>('images', {
      resolve(reference) {
        if (['busybox', 'docker.io/library/busybox:latest', image.id].includes(reference)) return image
        throw notFound(`no such image: ${reference}`)
      },
      list: async () => [{ image, size: 4096, sharedSize: -1, containers: -1 }],
      diskUsage: async () => ({
        layersSize: 4096,
        reclaimable: 0,
        partial: 0,
        images: [{ image, size: 4096, sharedSize: 0, containers: 1 }],
      }),
      ...parts.images,
    }),
    networks: fake<NetworksService>('networks', {
      get(reference) {
        if (reference === network.name || network.id.startsWith(reference)) return network
        throw notFound(`network ${reference} not found`)
      },
      list: () => [network],
      attached: () => [],
      ...parts.networks,
    }),
    explain: fake<ExplainService>('explain', { ...parts.explain }),
    doctor: fake<DoctorService>('doctor', { ...parts.doctor }),
    capture: fake<CaptureService>('capture', { ...parts.capture }),
    space: fake<SpaceService>('space', {
      report: async () => ({}),
      compact() {},
      ...parts.space,
    }),
    backups: fake<BackupsService>('backups', parts.backups ?? {}),
    sync: fake<SyncService>('sync', parts.sync ?? {}),
    volumes: fake<VolumesService>('volumes', {
      get(name) {
        throw notFound(`get ${name}: no such volume`)
      },
      async view(name) {
        throw notFound(`get ${name}: no such volume`)
      },
      list: () => [],
      listViews: async () => ({ volumes: [], warnings: [] }),
      usage: async () => 0,
      ...parts.volumes,
    }),
    events: fake<EventsService>('events', { publish() {}, ...parts.events }),
    system: fake<SystemProvider>('system', {
      info: async () => ({ ID: 'x', Name: 'host' }) as SystemInfo,
      version: () => ({ Version: '0.1.0', ApiVersion: '1.51', MinAPIVersion: '1.24' }) as SystemVersion,
      ...parts.system,
    }),
    host: { cgroupVersion: '2', defaultRuntime: 'crun', containerDirectory: id => `/var/lib/berth/containers/${id}` },
    clock: systemClock(),
    log: silentLogger,
  }
}
