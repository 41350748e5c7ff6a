import type { VolumeCreateRequest, VolumeJson, VolumeListResponse, VolumesPruneResponse } from '#wire/index.ts'
import { segment, type FilterMap } from './query.ts'
import type { Transport } from './transport.ts'

/** API: `/volumes` */
export class VolumesClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  list(filters: FilterMap = {}): Promise<VolumeListResponse> {
    return this.#transport.json('GET', '/volumes', { query: { filters } })
  }

  inspect(name: string): Promise<VolumeJson> {
    return this.#transport.json('GET', `/volumes/${segment(name)}`)
  }

  create(request: VolumeCreateRequest = {}): Promise<VolumeJson> {
    return this.#transport.json('POST', '/volumes/create', { json: request })
  }

  async remove(name: string, options: { force?: boolean } = {}): Promise<void> {
    await this.#transport.done('DELETE', `/volumes/${segment(name)}`, { query: { ...options } })
  }

  prune(filters: FilterMap = {}): Promise<VolumesPruneResponse> {
    return this.#transport.json('POST', '/volumes/prune', { query: { filters } })
  }
}
