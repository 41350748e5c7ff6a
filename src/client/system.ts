import type {
  AuthConfig,
  AuthResponse,
  DiskUsage,
  EventMessage,
  PrunePreviewJson,
  SystemInfo,
  SystemVersion,
} from '#wire/index.ts'
import { jsonLines, textLines } from './json-lines.ts'
import type { FilterMap } from './query.ts'
import type { Transport } from './transport.ts'

/** API: `/info`, `/version`, `/_ping`, `/system`, `/auth` */
export class SystemClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  ping(): Promise<{ apiVersion: string; osType: string; builderVersion: string }> {
    return this.#transport.ping()
  }

  version(): Promise<SystemVersion> {
    return this.#transport.json('GET', '/version')
  }

  info(): Promise<SystemInfo> {
    return this.#transport.json('GET', '/info')
  }

  /** @param types `container`, `image`, `volume`, `build-cache`; all when left out */
  diskUsage(types?: string[]): Promise<DiskUsage> {
    return this.#transport.json('GET', '/system/df', { query: { type: types } })
  }

  /** Berth's own: what prunes would remove, one after the other. Changes nothing. */
  prunePreview(request: PrunePreviewRequest): Promise<PrunePreviewJson> {
    const { trash, ...filters } = request
    const parts = Object.entries(filters).map(([part, map]) => [part, JSON.stringify(map)])
    return this.#transport.json('GET', '/berth/system/prune', { query: { ...Object.fromEntries(parts), trash } })
  }

  pruneBuildCache(
    options: { all?: boolean; filters?: FilterMap } = {},
  ): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> {
    return this.#transport.json('POST', '/build/prune', { query: { ...options } })
  }

  /** Checks credentials with their registry. @throws unauthenticated */
  auth(config: AuthConfig): Promise<AuthResponse> {
    return this.#transport.json('POST', '/auth', { json: config })
  }
}

/** Filters of the parts that are to be pruned; a part left out is not. */
export interface PrunePreviewRequest {
  containers?: FilterMap
  networks?: FilterMap
  volumes?: FilterMap
  images?: FilterMap
  trash?: boolean
}

export interface EventOptions {
  /** Seconds since the epoch, with a fraction if need be. */
  since?: string
  until?: string
  filters?: FilterMap
  signal?: AbortSignal
}

/** API: `/events` */
export class EventsClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** The same as text, one event each: `timeNano` has more digits than a number holds. */
  async lines(options: EventOptions = {}): Promise<AsyncGenerator<string>> {
    const { signal, ...query } = options
    return textLines(await this.#transport.request('GET', '/events', { query, signal }))
  }

  /** Resolves when the daemon has subscribed: what happens afterwards is not missed. */
  async stream(options: EventOptions = {}): Promise<AsyncGenerator<EventMessage>> {
    const { signal, ...query } = options
    return jsonLines<EventMessage>(await this.#transport.request('GET', '/events', { query, signal }))
  }
}
