import type { ExecCreateRequest, ExecInspect, ExecStartRequest, IdResponse } from '#wire/index.ts'
import { Hijacked } from './hijacked.ts'
import { segment } from './query.ts'
import type { Transport } from './transport.ts'

/** API: `/exec` */
export class ExecClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  async create(container: string, request: ExecCreateRequest): Promise<string> {
    const path = `/containers/${segment(container)}/exec`
    return (await this.#transport.json<IdResponse>('POST', path, { json: request })).Id
  }

  /** Starts it and takes its streams. */
  async start(
    id: string,
    options: Omit<ExecStartRequest, 'Detach'> & { signal?: AbortSignal } = {},
  ): Promise<Hijacked> {
    const { signal, ...request } = options
    const socket = await this.#transport.hijack('POST', `/exec/${id}/start`, {
      json: { ...request, Detach: false },
      signal,
    })
    return new Hijacked(socket, request.Tty ?? false)
  }

  async startDetached(id: string, options: Omit<ExecStartRequest, 'Detach'> = {}): Promise<void> {
    await this.#transport.done('POST', `/exec/${id}/start`, { json: { ...options, Detach: true } })
  }

  inspect(id: string): Promise<ExecInspect> {
    return this.#transport.json('GET', `/exec/${id}/json`)
  }

  async resize(id: string, height: number, width: number): Promise<void> {
    await this.#transport.done('POST', `/exec/${id}/resize`, { query: { h: height, w: width } })
  }
}
