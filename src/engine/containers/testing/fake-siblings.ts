import { invalid, notFound } from '#lib/errors.ts'
import type { ContainerConfig, EndpointRequest } from '#model/config.ts'
import type { EndpointRecord } from '#model/container.ts'
import type { ImageRecord } from '#model/image.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { ImagesService } from '#engine/images/service.ts'
import type { NetworksService, SandboxOwner } from '#engine/networks/service.ts'
import type { CreateVolume, VolumesService } from '#engine/volumes/service.ts'

/** Images with one image `box`; root filesystems are names in a set. */
export class FakeImages {
  readonly roots = new Set<string>()
  readonly mounted = new Set<string>()
  readonly committed: unknown[] = []
  readonly image: ImageRecord

  constructor(config: Partial<ContainerConfig> = { Cmd: ['sh'] }) {
    this.image = {
      id: `sha256:${'a'.repeat(64)}`,
      tags: ['docker.io/library/box:latest'],
      digests: [],
      manifestDigest: '',
      parent: '',
      created: '2026-01-01T00:00:00Z',
      platform: { os: 'linux', architecture: 'amd64' },
      author: '',
      comment: '',
      config,
      history: [],
      layers: [],
      lastTagTime: '',
    }
  }

  resolve(reference: string): ImageRecord {
    if (reference === 'box' || reference === 'box:latest' || reference === this.image.id) return this.image
    throw notFound(`No such image: ${reference}`)
  }
  async createRootfs(key: string) {
    this.roots.add(key)
  }
  async mountRootfs(key: string) {
    if (!this.roots.has(key)) throw notFound(`no root ${key}`)
    this.mounted.add(key)
    return `/roots/${key}`
  }
  async unmountRootfs(key: string) {
    this.mounted.delete(key)
  }
  async removeRootfs(key: string) {
    this.mounted.delete(key)
    this.roots.delete(key)
  }
  async mountImage() {
    return '/image'
  }
  async rootfsUsage() {
    return 7
  }
  async rootfsChanges() {
    return []
  }
  async commit(options: unknown) {
    this.committed.push(options)
    return this.image
  }
  async sweep() {}
  get service(): ImagesService {
    return this as unknown as ImagesService
  }
}

/** Volumes by name, with who mounts them and what was copied up. */
export class FakeVolumes {
  readonly volumes = new Map<string, VolumeRecord>()
  readonly users = new Map<string, Set<string>>()
  readonly copied: [volume: string, source: string][] = []
  #number = 0

  async create(request: CreateVolume): Promise<VolumeRecord> {
    const name = request.name || `anonymous${++this.#number}`
    const volume: VolumeRecord = {
      name,
      driver: request.driver,
      createdAt: '',
      labels: request.labels,
      options: request.options,
      anonymous: request.anonymous ?? false,
      mountpoint: `/volumes/${name}/_data`,
    }
    this.volumes.set(name, volume)
    return volume
  }
  get(name: string): VolumeRecord {
    const volume = this.volumes.get(name)
    if (!volume) throw notFound(`get ${name}: no such volume`)
    return volume
  }
  async remove(name: string) {
    this.volumes.delete(name)
  }
  async mount(name: string, userId: string) {
    const users = this.users.get(name) ?? new Set()
    this.users.set(name, users.add(userId))
    return this.get(name).mountpoint
  }
  async unmount(name: string, userId: string) {
    this.users.get(name)?.delete(userId)
  }
  async copyUp(name: string, source: string) {
    this.copied.push([name, source])
  }
  readonly held = new Set<string>()
  hold(name: string) {
    this.held.add(name)
  }
  release(name: string) {
    this.held.delete(name)
  }
  async recover() {}
  get service(): VolumesService {
    return this as unknown as VolumesService
  }
}

/** Networks `bridge`, `host`, `none`, `app`; sandboxes are names. */
export class FakeNetworks {
  readonly open = new Set<string>()
  readonly planned = new Set<string>()
  readonly health = new Map<string, boolean>()
  readonly recovered: string[][] = []
  failNextOpen: Error | undefined

  get(reference: string): NetworkRecord {
    if (!['bridge', 'host', 'none', 'app'].includes(reference)) throw notFound(`network ${reference} not found`)
    return { id: `net-${reference}`, name: reference } as NetworkRecord
  }
  async plan(owner: SandboxOwner, requests: Record<string, EndpointRequest>) {
    const endpoints = Object.entries(requests).map(([name, request]) => [name, this.#endpoint(name, request)] as const)
    if (owner.dns.includes('bad')) throw invalid('invalid IP address: bad')
    this.planned.add(owner.id)
    return Object.fromEntries(endpoints)
  }
  async openSandbox(owner: SandboxOwner, endpoints: Record<string, EndpointRecord>) {
    const error = this.failNextOpen
    this.failNextOpen = undefined
    if (error) throw error
    this.open.add(owner.id)
    const live = Object.entries(endpoints).map(([name, one]) => [name, { ...one, endpointId: 'e', ipv4: '10.0.0.2' }])
    return {
      sandboxPath: 'host' in endpoints ? '' : `/netns/${owner.id}`,
      endpoints: Object.fromEntries(live) as Record<string, EndpointRecord>,
      publishedPorts: [],
      resolvConf: 'nameserver 127.0.0.11\n',
      hosts: '127.0.0.1 localhost\n',
      hostname: owner.hostname,
    }
  }
  async closeSandbox(id: string) {
    this.open.delete(id)
  }
  forget(id: string) {
    this.planned.delete(id)
  }
  async connect(_owner: SandboxOwner, network: string, request: EndpointRequest) {
    return this.#endpoint(this.get(network).name, request)
  }
  async disconnect() {}
  async files() {
    return undefined
  }
  rename() {}
  started() {}
  async drain() {}
  linkedTo(): string[] {
    return []
  }

  setHealthy(id: string, healthy: boolean) {
    this.health.set(id, healthy)
  }
  async stats() {
    return {}
  }
  async recover(live: { owner: SandboxOwner }[], stopped: { owner: SandboxOwner }[]) {
    this.recovered.push(
      live.map(one => one.owner.name),
      stopped.map(one => one.owner.name),
    )
  }
  get service(): NetworksService {
    return this as unknown as NetworksService
  }

  #endpoint(name: string, request: EndpointRequest): EndpointRecord {
    const network = this.get(name)
    return {
      networkId: network.id,
      networkName: name,
      request,
      endpointId: '',
      ipv4: '',
      ipv4PrefixLength: 0,
      ipv4Gateway: '',
      ipv6: '',
      ipv6PrefixLength: 0,
      ipv6Gateway: '',
      mac: '',
      dnsNames: [],
    }
  }
}
