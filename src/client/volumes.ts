import { BerthError } from '#lib/errors.ts'
import type {
  DeletedVolumeJson,
  TrashEmptied,
  VolumeCloneLine,
  VolumeCloneRequest,
  VolumeCreateRequest,
  VolumeJson,
  VolumeListResponse,
  VolumePrunePlan,
  VolumePruneRequest,
  VolumePruneResponse,
  VolumeRenameRequest,
  VolumeRestoreRequest,
  VolumesPruneResponse,
  VolumeUpdateRequest,
} from '#wire/index.ts'
import { jsonLines } from './json-lines.ts'
import { segment, type FilterMap } from './query.ts'
import type { Transport } from './transport.ts'

/** API: `/volumes`, and Berth's own `/berth/volumes` */
export class VolumesClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  list(filters: FilterMap = {}): Promise<VolumeListResponse> {
    return this.#transport.json('GET', '/volumes', { query: { filters } })
  }

  /** @param options.usage with size and users; another daemon than Berth leaves them out */
  inspect(name: string, options: { usage?: boolean } = {}): Promise<VolumeJson> {
    return this.#transport.json('GET', `/volumes/${segment(name)}`, { query: { usage: options.usage || undefined } })
  }

  create(request: VolumeCreateRequest = {}): Promise<VolumeJson> {
    return this.#transport.json('POST', '/volumes/create', { json: request })
  }

  /** @param options.keep milliseconds in the trash; Berth only */
  async remove(name: string, options: { force?: boolean; keep?: number } = {}): Promise<void> {
    const { force, keep } = options
    if (keep === undefined) await this.#transport.done('DELETE', `/volumes/${segment(name)}`, { query: { force } })
    else await ours(this.#transport.done('DELETE', `/berth/volumes/${segment(name)}`, { query: { force, keep } }))
  }

  prune(filters: FilterMap = {}): Promise<VolumesPruneResponse> {
    return this.#transport.json('POST', '/volumes/prune', { query: { filters } })
  }

  /** @throws not-implemented where the daemon is no Berth */
  planPrune(filters: FilterMap = {}): Promise<VolumePrunePlan> {
    return ours(this.#transport.json('GET', '/berth/volumes/prune-plan', { query: { filters } }))
  }

  applyPrune(request: VolumePruneRequest): Promise<VolumePruneResponse> {
    return ours(this.#transport.json('POST', '/berth/volumes/prune', { json: request }))
  }

  rename(name: string, to: string): Promise<VolumeJson> {
    const json: VolumeRenameRequest = { Name: to }
    return ours(this.#transport.json('POST', `/berth/volumes/${segment(name)}/rename`, { json }))
  }

  update(name: string, change: VolumeUpdateRequest): Promise<VolumeJson> {
    return ours(this.#transport.json('POST', `/berth/volumes/${segment(name)}/update`, { json: change }))
  }

  /** Lines of progress, and a last one with the volume or an error. */
  async clone(
    name: string,
    request: VolumeCloneRequest,
    options: { signal?: AbortSignal } = {},
  ): Promise<AsyncGenerator<VolumeCloneLine>> {
    const path = `/berth/volumes/${segment(name)}/clone`
    return jsonLines(await ours(this.#transport.request('POST', path, { json: request, ...options })))
  }

  deleted(): Promise<DeletedVolumeJson[]> {
    return ours(this.#transport.json('GET', '/berth/volumes/deleted'))
  }

  /** @param reference id, or name: the one that was deleted last */
  restoreDeleted(reference: string, as?: string): Promise<VolumeJson> {
    const path = `/berth/volumes/deleted/${segment(reference)}/restore`
    const json: VolumeRestoreRequest = { As: as }
    return ours(this.#transport.json('POST', path, { json }))
  }

  /** All, unless one is named. */
  emptyTrash(reference?: string): Promise<TrashEmptied> {
    if (reference === undefined) return ours(this.#transport.json('POST', '/berth/volumes/deleted/empty'))
    return ours(this.#transport.json('DELETE', `/berth/volumes/deleted/${segment(reference)}`))
  }
}

/** Docker does not know the path: say so. */
async function ours<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof BerthError && /page not found/.test(error.message))
      throw new BerthError('not-implemented', 'the daemon is no Berth, or an older one, and cannot do this', {
        cause: error,
      })
    throw error
  }
}
