import type { Readable } from 'node:stream'
import type {
  CaptureQuery,
  DoctorReport,
  EgressStatus,
  EndpointRequest,
  Explanation,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkInspect,
  NetworksPruneResponse,
  NetworkUpdateRequest,
} from '#wire/index.ts'

import { segment, type FilterMap } from './query.ts'
import type { Transport } from './transport.ts'

/** API: `/networks` */
export class NetworksClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  list(filters: FilterMap = {}): Promise<NetworkInspect[]> {
    return this.#transport.json('GET', '/networks', { query: { filters } })
  }

  inspect(id: string, options: { verbose?: boolean; scope?: string } = {}): Promise<NetworkInspect> {
    return this.#transport.json('GET', `/networks/${segment(id)}`, { query: { ...options } })
  }

  create(request: NetworkCreateRequest): Promise<NetworkCreateResponse> {
    return this.#transport.json('POST', '/networks/create', { json: request })
  }

  /** Berth's own: changes a network in place. */
  update(id: string, change: NetworkUpdateRequest): Promise<NetworkInspect> {
    return this.#transport.json('POST', `/berth/networks/${segment(id)}/update`, { json: change })
  }

  async remove(id: string): Promise<void> {
    await this.#transport.done('DELETE', `/networks/${segment(id)}`)
  }

  async connect(id: string, container: string, endpoint: EndpointRequest = {}): Promise<void> {
    const json = { Container: container, EndpointConfig: endpoint }
    await this.#transport.done('POST', `/networks/${segment(id)}/connect`, { json })
  }

  async disconnect(id: string, container: string, options: { force?: boolean } = {}): Promise<void> {
    const json = { Container: container, Force: options.force ?? false }
    await this.#transport.done('POST', `/networks/${segment(id)}/disconnect`, { json })
  }

  /** Berth's own: why FROM can or cannot reach TO. A Docker daemon answers not-found. */
  explain(question: { from: string; to: string; port: number; protocol: 'tcp' | 'udp' }): Promise<Explanation> {
    return this.#transport.json('GET', '/berth/networks/explain', { query: { ...question } })
  }

  /** Berth's own: what of the host stands in the way of published ports and of what containers ask outside. */
  doctor(): Promise<DoctorReport> {
    return this.#transport.json('GET', '/berth/networks/doctor')
  }

  /** Berth's own: egress policies of running containers, or of the named one. */
  egress(container = ''): Promise<EgressStatus[]> {
    return this.#transport.json('GET', '/berth/networks/egress', { query: { container } })
  }

  /** Berth's own: packets of a container, as a pcap file or as decoded lines; ends with it or with the signal. */
  capture(id: string, query: CaptureQuery, signal?: AbortSignal): Promise<Readable> {
    return this.#transport.request('GET', `/berth/containers/${segment(id)}/capture`, { query: { ...query }, signal })
  }

  prune(filters: FilterMap = {}): Promise<NetworksPruneResponse> {
    return this.#transport.json('POST', '/networks/prune', { query: { filters } })
  }
}
