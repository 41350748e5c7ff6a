import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { BerthError } from '#lib/errors.ts'
import type {
  CommitQuery,
  ContainerChange,
  ContainerConfig,
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspect,
  ContainersPruneResponse,
  ContainerStats,
  ContainerSummary,
  ContainerTopResponse,
  ContainerUpdateRequest,
  ContainerUpdateResponse,
  ContainerWaitResponse,
  IdResponse,
  PathStat,
} from '#wire/index.ts'
import { frames, rawFrames, type Frame } from './frames.ts'
import { Hijacked } from './hijacked.ts'
import { jsonLines } from './json-lines.ts'
import { segment, type FilterMap } from './query.ts'
import type { Transport } from './transport.ts'

export type WaitCondition = 'not-running' | 'next-exit' | 'removed'

export interface AttachOptions {
  stdin?: boolean
  stdout?: boolean
  stderr?: boolean
  /** Replay what was logged before. */
  logs?: boolean
  detachKeys?: string
  /** Whether the container has a terminal; needed for daemons before API 1.42 only. */
  tty?: boolean
  signal?: AbortSignal
}

export interface LogOptions {
  follow?: boolean
  stdout?: boolean
  stderr?: boolean
  /** Seconds since the epoch, with a fraction if need be: `1700000000.000000001`. */
  since?: string
  until?: string
  timestamps?: boolean
  details?: boolean
  /** A number or `all`. */
  tail?: string
  tty?: boolean
  signal?: AbortSignal
}

/** API: `/containers` */
export class ContainersClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  list(
    options: { all?: boolean; limit?: number; size?: boolean; filters?: FilterMap; signal?: AbortSignal } = {},
  ): Promise<ContainerSummary[]> {
    const { signal, ...query } = options
    return this.#transport.json('GET', '/containers/json', { query, signal })
  }

  /** @param options.name left out asks the daemon for a random one */
  create(
    request: ContainerCreateRequest,
    options: { name?: string; platform?: string } = {},
  ): Promise<ContainerCreateResponse> {
    return this.#transport.json('POST', '/containers/create', { query: { ...options }, json: request })
  }

  inspect(id: string, options: { size?: boolean } = {}): Promise<ContainerInspect> {
    return this.#transport.json('GET', `${this.#path(id)}/json`, { query: { ...options } })
  }

  /** @returns false when it ran already */
  async start(id: string, options: { detachKeys?: string } = {}): Promise<boolean> {
    return (await this.#post(id, 'start', { ...options })) !== 304
  }

  /** @param options.timeout seconds; left out uses the container's own, -1 waits for ever. @returns false when it was stopped */
  async stop(
    id: string,
    options: { timeout?: number; stopSignal?: string; signal?: AbortSignal } = {},
  ): Promise<boolean> {
    const query = { t: options.timeout, signal: options.stopSignal }
    return (await this.#post(id, 'stop', query, options.signal)) !== 304
  }

  async restart(
    id: string,
    options: { timeout?: number; stopSignal?: string; signal?: AbortSignal } = {},
  ): Promise<void> {
    await this.#post(id, 'restart', { t: options.timeout, signal: options.stopSignal }, options.signal)
  }

  async kill(id: string, signal?: string): Promise<void> {
    await this.#post(id, 'kill', { signal })
  }

  async pause(id: string): Promise<void> {
    await this.#post(id, 'pause')
  }

  async unpause(id: string): Promise<void> {
    await this.#post(id, 'unpause')
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#post(id, 'rename', { name })
  }

  update(id: string, change: ContainerUpdateRequest): Promise<ContainerUpdateResponse> {
    return this.#transport.json('POST', `${this.#path(id)}/update`, { json: change })
  }

  async remove(id: string, options: { force?: boolean; volumes?: boolean; link?: boolean } = {}): Promise<void> {
    const query = { force: options.force, v: options.volumes, link: options.link }
    await this.#transport.done('DELETE', this.#path(id), { query })
  }

  prune(filters: FilterMap = {}): Promise<ContainersPruneResponse> {
    return this.#transport.json('POST', '/containers/prune', { query: { filters } })
  }

  /**
   * Resolves as soon as the daemon watches (so nothing that happens afterwards is missed) with a promise of the exit.
   * @param condition `removed` also waits for the removal
   */
  async wait(
    id: string,
    condition: WaitCondition = 'not-running',
    signal?: AbortSignal,
  ): Promise<{ exit: Promise<ContainerWaitResponse> }> {
    const response = await this.#transport.request('POST', `${this.#path(id)}/wait`, { query: { condition }, signal })
    const exit = (async () => {
      for await (const line of jsonLines<ContainerWaitResponse>(response)) return line
      throw new BerthError('unavailable', `the daemon closed the connection before ${id} stopped`)
    })()
    // Whoever asked may look at it much later, or not at all.
    exit.catch(() => {})
    return { exit }
  }

  async attach(id: string, options: AttachOptions = {}): Promise<Hijacked> {
    const { signal, tty, stdin, stdout, stderr, logs, detachKeys } = options
    const query = { stream: true, stdin, stdout, stderr, logs, detachKeys }
    const socket = await this.#transport.hijack('POST', `${this.#path(id)}/attach`, { query, signal })
    return new Hijacked(socket, tty)
  }

  /** @param options.tty when left out, the daemon's content type tells whether the output is framed */
  async logs(id: string, options: LogOptions = {}): Promise<AsyncGenerator<Frame>> {
    const { signal, tty, ...query } = options
    if (query.stdout === undefined && query.stderr === undefined) {
      query.stdout = true
      query.stderr = true
    }
    const response = await this.#transport.request('GET', `${this.#path(id)}/logs`, { query, signal })
    const type = String(response.headers['content-type'] ?? '')
    const raw = tty ?? type.includes('raw-stream')
    return raw ? rawFrames(response) : frames(response)
  }

  async resize(id: string, height: number, width: number): Promise<void> {
    await this.#post(id, 'resize', { h: height, w: width })
  }

  top(id: string, psArgs?: string): Promise<ContainerTopResponse> {
    return this.#transport.json('GET', `${this.#path(id)}/top`, { query: { ps_args: psArgs } })
  }

  /** One sample (`stream: false`, with the one before unless `oneShot`), or one a second. */
  async stats(
    id: string,
    options: { stream?: boolean; oneShot?: boolean; signal?: AbortSignal } = {},
  ): Promise<AsyncGenerator<ContainerStats>> {
    const query = { stream: options.stream ?? true, 'one-shot': options.oneShot }
    const response = await this.#transport.request('GET', `${this.#path(id)}/stats`, { query, signal: options.signal })
    return jsonLines<ContainerStats>(response)
  }

  async changes(id: string): Promise<ContainerChange[]> {
    return (await this.#transport.json<ContainerChange[] | null>('GET', `${this.#path(id)}/changes`)) ?? []
  }

  /** The filesystem as an uncompressed tar. */
  export(id: string, signal?: AbortSignal): Promise<Readable> {
    return this.#transport.request('GET', `${this.#path(id)}/export`, { signal })
  }

  commit(query: CommitQuery, config: Partial<ContainerConfig> = {}): Promise<IdResponse> {
    return this.#transport.json('POST', '/commit', { query: { ...query }, json: config })
  }

  async archiveStat(id: string, path: string): Promise<PathStat> {
    const response = await this.#transport.request('HEAD', `${this.#path(id)}/archive`, { query: { path } })
    response.resume()
    return decodeStat(response.headers['x-docker-container-path-stat'])
  }

  async archiveGet(id: string, path: string, signal?: AbortSignal): Promise<{ stat: PathStat; tar: Readable }> {
    const tar = await this.#transport.request('GET', `${this.#path(id)}/archive`, { query: { path }, signal })
    return { stat: decodeStat(tar.headers['x-docker-container-path-stat']), tar }
  }

  /** Extracts a tar (plain, gzip, bzip2, xz) at the directory `path`. */
  async archivePut(
    id: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir?: boolean; copyUidGid?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    const { signal, noOverwriteDirNonDir, copyUidGid } = options
    const query = { path, noOverwriteDirNonDir, copyUIDGID: copyUidGid }
    const headers = { 'Content-Type': 'application/x-tar' }
    const response = await this.#transport.request('PUT', `${this.#path(id)}/archive`, {
      query,
      body: tar,
      headers,
      signal,
    })
    response.resume()
    await once(response, 'end')
  }

  #path(id: string): string {
    return `/containers/${segment(id)}`
  }

  #post(id: string, verb: string, query = {}, signal?: AbortSignal): Promise<number> {
    return this.#transport.done('POST', `${this.#path(id)}/${verb}`, { query, signal, accept: [304] })
  }
}

function decodeStat(header: string | string[] | undefined): PathStat {
  return JSON.parse(Buffer.from(String(header ?? ''), 'base64').toString()) as PathStat
}
