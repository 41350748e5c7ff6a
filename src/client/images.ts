import type { Readable } from 'node:stream'
import type {
  AuthConfig,
  BootstrapRequest,
  ImageDeleteEntry,
  ImageHistoryEntry,
  ImageInspect,
  ImagesPruneResponse,
  ImageSummaryJson,
  JsonMessage,
} from '#wire/index.ts'
import { jsonLines } from './json-lines.ts'
import { segment, type FilterMap } from './query.ts'
import { splitReference } from './reference.ts'
import type { RequestInput, Transport } from './transport.ts'

/** API: `/images`. Progress streams carry failures as lines with `error`; `client.finish` turns one into a throw. */
export class ImagesClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  list(
    options: { all?: boolean; digests?: boolean; sharedSize?: boolean; filters?: FilterMap } = {},
  ): Promise<ImageSummaryJson[]> {
    const { sharedSize, ...query } = options
    return this.#transport.json('GET', '/images/json', { query: { ...query, 'shared-size': sharedSize } })
  }

  inspect(name: string): Promise<ImageInspect> {
    return this.#transport.json('GET', `/images/${segment(name)}/json`)
  }

  history(name: string): Promise<ImageHistoryEntry[]> {
    return this.#transport.json('GET', `/images/${segment(name)}/history`)
  }

  /** @param reference as written: `busybox`, `host:5000/a:tag`, `a@sha256:…`; without a tag `latest`, unless `allTags` */
  async pull(
    reference: string,
    options: { platform?: string; auth?: AuthConfig; allTags?: boolean; signal?: AbortSignal } = {},
  ): Promise<AsyncGenerator<JsonMessage>> {
    const { repository, tag } = splitReference(reference)
    const query = {
      fromImage: repository,
      tag: options.allTags ? undefined : (tag ?? 'latest'),
      platform: options.platform,
    }
    return this.#progress('/images/create', { query, headers: authHeader(options.auth), signal: options.signal })
  }

  async push(
    reference: string,
    options: { platform?: string; auth?: AuthConfig; allTags?: boolean; signal?: AbortSignal } = {},
  ): Promise<AsyncGenerator<JsonMessage>> {
    const { repository, tag } = splitReference(reference)
    const query = { tag: options.allTags ? undefined : (tag ?? 'latest'), platform: options.platform }
    // The header is required here, even when empty.
    const headers = authHeader(options.auth ?? {})
    return this.#progress(`/images/${segment(repository)}/push`, { query, headers, signal: options.signal })
  }

  async tag(source: string, target: string): Promise<void> {
    const { repository, tag } = splitReference(target)
    await this.#transport.done('POST', `/images/${segment(source)}/tag`, { query: { repo: repository, tag } })
  }

  remove(
    name: string,
    options: { force?: boolean; noPrune?: boolean; platforms?: string[] } = {},
  ): Promise<ImageDeleteEntry[]> {
    const query = { force: options.force, noprune: options.noPrune, platforms: options.platforms }
    return this.#transport.json('DELETE', `/images/${segment(name)}`, { query })
  }

  prune(filters: FilterMap = {}): Promise<ImagesPruneResponse> {
    return this.#transport.json('POST', '/images/prune', { query: { filters } })
  }

  /** @param tar of `save`, plain or compressed */
  async load(tar: Readable, options: { quiet?: boolean; platform?: string; signal?: AbortSignal } = {}) {
    const { signal, ...query } = options
    const headers = { 'Content-Type': 'application/x-tar' }
    return this.#progress('/images/load', { query, body: tar, headers, signal })
  }

  save(names: string[], options: { platform?: string; signal?: AbortSignal } = {}): Promise<Readable> {
    const { signal, platform } = options
    return this.#transport.request('GET', '/images/get', { query: { names, platform }, signal })
  }

  /** @param source a tar of a filesystem, or a URL that the daemon fetches */
  async import(
    source: Readable | string,
    options: { reference?: string; message?: string; changes?: string[]; platform?: string; signal?: AbortSignal } = {},
  ): Promise<AsyncGenerator<JsonMessage>> {
    const { repository, tag } = splitReference(options.reference ?? '')
    const query = {
      fromSrc: typeof source === 'string' ? source : '-',
      repo: repository || undefined,
      tag,
      message: options.message,
      changes: options.changes,
      platform: options.platform,
    }
    const body = typeof source === 'string' ? undefined : source
    return this.#progress('/images/create', { query, body, signal: options.signal })
  }

  /** Berth's own: makes a base image from the distribution's package mirror. */
  async bootstrap(request: BootstrapRequest, signal?: AbortSignal): Promise<AsyncGenerator<JsonMessage>> {
    return this.#progress('/berth/images/bootstrap', { json: request, signal })
  }

  async #progress(path: string, input: RequestInput): Promise<AsyncGenerator<JsonMessage>> {
    return jsonLines<JsonMessage>(await this.#transport.request('POST', path, input))
  }
}

function authHeader(auth: AuthConfig | undefined): Record<string, string> {
  if (auth === undefined) return {}
  return { 'X-Registry-Auth': Buffer.from(JSON.stringify(auth)).toString('base64url') }
}
