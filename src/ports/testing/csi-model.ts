import type { CsiCalls, CsiMethod } from '#ports/csi.ts'

type Json = Record<string, unknown>

export class CsiRefusal extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

interface ModelVolume {
  id: string
  name: string
  size: number
  parameters: Record<string, string>
  source: string
  /** Nodes that the controller has given it to. */
  nodes: string[]
  /** Staging path; '' when it is not staged. */
  staged: string
  /** Target paths. */
  published: string[]
}

/** What a driver does besides keeping its books. */
export interface CsiEffects {
  make(id: string, from: string): void
  remove(id: string): void
  mount(id: string, from: string, target: string, readonly: boolean): void
  unmount(target: string): void
}

export interface CsiModelOptions {
  controller?: readonly string[]
  node?: readonly string[]
  plugin?: readonly string[]
  effects?: CsiEffects
  /** Books of an earlier life. */
  volumes?: Record<string, ModelVolume>
  /** A secret without which nothing is made. */
  secret?: string
}

const NONE: CsiEffects = { make() {}, remove() {}, mount() {}, unmount() {} }
const NODE = 'node-a'
export const TOPOLOGY = { 'shelf.test/zone': 'z1' }

/** A driver as the specification wants it, down to what it must refuse. */
export class CsiModel {
  readonly volumes: Record<string, ModelVolume>
  readonly snapshots: Record<string, string> = {}
  readonly #options: Required<Pick<CsiModelOptions, 'controller' | 'node' | 'plugin'>> & CsiModelOptions
  readonly #effects: CsiEffects

  constructor(options: CsiModelOptions = {}) {
    this.#options = {
      controller: ['CREATE_DELETE_VOLUME', 'PUBLISH_UNPUBLISH_VOLUME', 'CLONE_VOLUME', 'EXPAND_VOLUME'],
      node: ['STAGE_UNSTAGE_VOLUME', 'GET_VOLUME_STATS', 'EXPAND_VOLUME'],
      plugin: ['CONTROLLER_SERVICE', 'VOLUME_ACCESSIBILITY_CONSTRAINTS'],
      ...options,
    }
    this.#effects = options.effects ?? NONE
    this.volumes = options.volumes ?? {}
  }

  /** @throws CsiRefusal */
  answer<M extends CsiMethod>(method: M, request: CsiCalls[M][0]): CsiCalls[M][1] {
    const verb = this.#verbs[method] as (request: never) => CsiCalls[M][1]
    return verb(request as never)
  }

  readonly #verbs: { [M in CsiMethod]: (request: CsiCalls[M][0]) => CsiCalls[M][1] } = {
    'Identity.GetPluginInfo': () => ({ name: 'shelf.test', vendor_version: '1.2.3', manifest: {} }),
    'Identity.GetPluginCapabilities': () => ({
      capabilities: this.#options.plugin.map(type => ({ service: { type } })),
    }),
    'Identity.Probe': () => ({ ready: { value: true } }),
    'Controller.ControllerGetCapabilities': () => rpcs(this.#options.controller),
    'Node.NodeGetCapabilities': () => rpcs(this.#options.node),
    'Node.NodeGetInfo': () => ({
      node_id: NODE,
      max_volumes_per_node: 0,
      accessible_topology: { segments: TOPOLOGY },
    }),
    'Controller.CreateVolume': request => this.#create(request),
    'Controller.DeleteVolume': ({ volume_id: id }) => {
      const volume = this.volumes[id]
      if (!volume) return {}
      if (volume.nodes.length + volume.published.length > 0 || volume.staged !== '')
        throw new CsiRefusal('FAILED_PRECONDITION', `volume ${id} is in use`)
      this.#effects.remove(id)
      delete this.volumes[id]
      return {}
    },
    'Controller.ControllerPublishVolume': ({ volume_id: id, node_id: node }) => {
      const volume = this.#find(id)
      if (node !== NODE) throw new CsiRefusal('NOT_FOUND', `no node ${node}`)
      if (!volume.nodes.includes(node)) volume.nodes.push(node)
      return { publish_context: { device: `/dev/${id}` } }
    },
    'Controller.ControllerUnpublishVolume': ({ volume_id: id, node_id: node }) => {
      const volume = this.volumes[id]
      if (volume?.staged) throw new CsiRefusal('FAILED_PRECONDITION', `volume ${id} is staged at ${volume.staged}`)
      if (volume) volume.nodes = volume.nodes.filter(one => one !== node)
      return {}
    },
    'Controller.ValidateVolumeCapabilities': ({ volume_id: id, volume_capabilities: wanted }) => {
      this.#find(id)
      const bad = wanted.find(({ mount }) => mount.fs_type === 'ntfs')
      return bad ? { confirmed: null, message: 'no ntfs here' } : { confirmed: {}, message: '' }
    },
    'Controller.ControllerExpandVolume': ({ volume_id: id, capacity_range: range }) => {
      const volume = this.#find(id)
      if (range.required_bytes > 1 << 30) throw new CsiRefusal('OUT_OF_RANGE', 'a shelf has 1 GiB')
      volume.size = Math.max(volume.size, range.required_bytes)
      return { capacity_bytes: volume.size, node_expansion_required: true }
    },
    'Controller.CreateSnapshot': ({ source_volume_id: id, name }) => {
      this.#find(id)
      this.snapshots[`snap-${name}`] = id
      return { snapshot: { snapshot_id: `snap-${name}`, ready_to_use: true } }
    },
    'Controller.DeleteSnapshot': ({ snapshot_id: id }) => (delete this.snapshots[id], {}),
    'Node.NodeStageVolume': ({ volume_id: id, staging_target_path: path, publish_context: context }) => {
      const volume = this.#find(id)
      if (this.#has('PUBLISH_UNPUBLISH_VOLUME') && (volume.nodes.length === 0 || context['device'] !== `/dev/${id}`))
        throw new CsiRefusal('FAILED_PRECONDITION', `volume ${id} is not attached to this node`)
      if (path === '') throw new CsiRefusal('INVALID_ARGUMENT', 'no staging path')
      if (volume.staged === path) return {}
      if (volume.staged !== '') throw new CsiRefusal('ALREADY_EXISTS', `volume ${id} is staged at ${volume.staged}`)
      this.#effects.mount(id, '', path, false)
      volume.staged = path
      return {}
    },
    'Node.NodeUnstageVolume': ({ volume_id: id, staging_target_path: path }) => {
      const volume = this.#find(id)
      if (volume.published.length > 0) throw new CsiRefusal('FAILED_PRECONDITION', `volume ${id} is published`)
      if (volume.staged === path) this.#effects.unmount(path)
      volume.staged = ''
      return {}
    },
    'Node.NodePublishVolume': ({ volume_id: id, staging_target_path: staging, target_path: target, readonly }) => {
      const volume = this.#find(id)
      if (this.#has('STAGE_UNSTAGE_VOLUME') && (volume.staged === '' || volume.staged !== staging))
        throw new CsiRefusal('FAILED_PRECONDITION', `volume ${id} is not staged at "${staging}"`)
      if (volume.published.includes(target)) return {}
      this.#effects.mount(id, staging, target, readonly)
      volume.published.push(target)
      return {}
    },
    'Node.NodeUnpublishVolume': ({ volume_id: id, target_path: target }) => {
      const volume = this.#find(id)
      if (volume.published.includes(target)) this.#effects.unmount(target)
      volume.published = volume.published.filter(one => one !== target)
      return {}
    },
    'Node.NodeGetVolumeStats': ({ volume_id: id, volume_path: path }) => {
      const volume = this.#find(id)
      if (!volume.published.includes(path)) throw new CsiRefusal('NOT_FOUND', `volume ${id} is not at ${path}`)
      return { usage: [{ available: volume.size - 4096, total: volume.size, used: 4096, unit: 'BYTES' }] }
    },
    'Node.NodeExpandVolume': ({ volume_id: id, volume_path: path }) => {
      const volume = this.#find(id)
      if (!volume.published.includes(path)) throw new CsiRefusal('NOT_FOUND', `volume ${id} is not at ${path}`)
      return { capacity_bytes: volume.size }
    },
  }

  #create(request: CsiCalls['Controller.CreateVolume'][0]): CsiCalls['Controller.CreateVolume'][1] {
    const { name, capacity_range: range, parameters, secrets, volume_content_source: source } = request
    if (name === '' || request.volume_capabilities.length === 0)
      throw new CsiRefusal('INVALID_ARGUMENT', 'name and capabilities are needed')
    const { secret } = this.#options
    if (secret !== undefined && secrets['password'] !== secret)
      throw new CsiRefusal('UNAUTHENTICATED', 'the password is wrong')
    if (parameters['fail']) throw new CsiRefusal(parameters['code'] ?? 'INTERNAL', parameters['fail'])
    const size = range?.required_bytes ?? 1 << 20
    const known = Object.values(this.volumes).find(volume => volume.name === name)
    if (known && (known.size !== size || JSON.stringify(known.parameters) !== JSON.stringify(parameters)))
      throw new CsiRefusal('ALREADY_EXISTS', `${name} is there and not the same`)
    const from = this.#source(source)
    const volume = known ?? {
      id: `vol-${name}`,
      name,
      size,
      parameters,
      source: from,
      nodes: [],
      staged: '',
      published: [],
    }
    if (!known) this.#effects.make(volume.id, from)
    this.volumes[volume.id] = volume
    return {
      volume: {
        capacity_bytes: volume.size,
        volume_id: volume.id,
        volume_context: { made: 'by shelf' },
        accessible_topology: [{ segments: TOPOLOGY }],
      },
    }
  }

  #source(source: unknown): string {
    const { volume, snapshot } = (source ?? {}) as { volume?: Json | null; snapshot?: Json | null }
    if (volume) return this.#find(String(volume['volume_id'])).id
    if (!snapshot) return ''
    const from = this.snapshots[String(snapshot['snapshot_id'])]
    if (from === undefined) throw new CsiRefusal('NOT_FOUND', 'no such snapshot')
    return from
  }

  #has(capability: string): boolean {
    return this.#options.controller.includes(capability) || this.#options.node.includes(capability)
  }

  #find(id: string): ModelVolume {
    const volume = this.volumes[id]
    if (!volume) throw new CsiRefusal('NOT_FOUND', `no volume ${id}`)
    return volume
  }
}

const rpcs = (types: readonly string[]) => ({ capabilities: types.map(type => ({ rpc: { type } })) })
