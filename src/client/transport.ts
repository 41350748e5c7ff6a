import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import { BerthError } from '#lib/errors.ts'
import { connectionError, errorFromResponse, readText } from './errors.ts'
import { describeEndpoint, type Endpoint } from './host.ts'
import { queryString, type Query } from './query.ts'
import type { SshDialer } from './ssh-dialer.ts'
import type { SshEndpoint } from './ssh.ts'

// An import would make a namespace of all that the module has, its lazy WebSocket included: 40 ms of every command.
const http = process.getBuiltinModule('node:http')

export const CLIENT_API_VERSION = '1.51'
const MINIMUM_API_VERSION = '1.24'

export interface RequestInput {
  query?: Query
  /** Sent as JSON. */
  json?: unknown
  /** Sent as is, chunked. */
  body?: Readable | Buffer
  headers?: Record<string, string>
  signal?: AbortSignal
  /** Statuses besides 2xx that are no error. */
  accept?: readonly number[]
}

export interface TransportOptions {
  /**
   * `optimistic` (the default) speaks the newest version and steps down when the daemon says it is too new;
   * a version number is spoken as it is; '' sends unversioned paths.
   */
  version?: string
  headers?: Record<string, string>
  /** Called once when nothing listens; true means "try again" (the CLI starts a daemon here). */
  onUnreachable?: (error: BerthError) => Promise<boolean>
  /** Instead of `ssh`, as a shell reads it; BERTH_SSH unless given. */
  ssh?: string
}

/** HTTP to one daemon: keep-alive, versions, errors, hijacking. Knows no resource. */
export class Transport {
  readonly endpoint: Endpoint
  readonly #options: TransportOptions
  #agent: Agent
  #requester: (options: RequestOptions) => ClientRequest = http.request
  #version: string
  #negotiable: boolean
  #mayRecover: boolean
  #dialer: SshDialer | undefined

  constructor(endpoint: Endpoint, options: TransportOptions = {}) {
    this.endpoint = endpoint
    this.#options = options
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: Infinity })
    this.#negotiable = options.version === undefined || options.version === 'optimistic'
    this.#version = this.#negotiable ? CLIENT_API_VERSION : options.version!
    this.#mayRecover = options.onUnreachable !== undefined
  }

  get #secure(): boolean {
    return this.endpoint.kind === 'tcp' && this.endpoint.tls !== undefined
  }

  get address(): string {
    return describeEndpoint(this.endpoint)
  }

  /** The API version in use; certain once a request has been answered. '' when unversioned. */
  get version(): string {
    return this.#version
  }

  /** Drops idle connections. */
  close(): void {
    this.#agent.destroy()
    this.#dialer?.close()
    this.#dialer = undefined
  }

  /** Sends and resolves with the response once its headers are here. @throws BerthError for any refusal */
  async request(method: string, path: string, input: RequestInput = {}): Promise<IncomingMessage> {
    // A body that streams cannot be sent twice: settle version and reachability first.
    if (input.body !== undefined && !Buffer.isBuffer(input.body) && (this.#negotiable || this.#mayRecover)) {
      await this.ping()
    }
    const response = await this.#retrying(() => this.#send(method, path, input))
    const status = response.statusCode ?? 0
    if ((status >= 200 && status < 300) || input.accept?.includes(status)) return response
    const error = errorFromResponse(status, await readText(response))
    if (this.#stepDown(error)) return this.request(method, path, input)
    throw error
  }

  async json<T>(method: string, path: string, input: RequestInput = {}): Promise<T> {
    const text = await readText(await this.request(method, path, input))
    if (text === '') return undefined as T
    try {
      return JSON.parse(text) as T
    } catch (cause) {
      throw new BerthError('system', `the daemon at ${this.address} answered ${method} ${path} with invalid JSON`, {
        cause,
      })
    }
  }

  /** For verbs without an answer: reads it away, so that the connection can be used again. */
  async done(method: string, path: string, input: RequestInput = {}): Promise<number> {
    const response = await this.request(method, path, input)
    response.resume()
    return response.statusCode ?? 0
  }

  /** `GET /_ping`, unversioned; agrees on a version when that is still open. */
  async ping(): Promise<{ apiVersion: string; osType: string; builderVersion: string }> {
    const response = await this.#retrying(() => this.#send('GET', '/_ping', {}, ''))
    const text = await readText(response)
    if (response.statusCode !== 200) throw errorFromResponse(response.statusCode ?? 0, text)
    const header = (name: string) => String(response.headers[name] ?? '')
    const apiVersion = header('api-version')
    if (this.#negotiable && apiVersion !== '') {
      this.#version = compareVersions(apiVersion, CLIENT_API_VERSION) < 0 ? apiVersion : CLIENT_API_VERSION
      this.#negotiable = false
    }
    return { apiVersion, osType: header('ostype'), builderVersion: header('builder-version') }
  }

  /**
   * Upgrades the connection to a raw two-way stream (attach, exec start). Ending the stream's writable side is the
   * half-close that the daemon passes on as end of stdin; reading goes on.
   */
  async hijack(method: string, path: string, input: RequestInput = {}): Promise<HijackedSocket> {
    try {
      return await this.#retrying(() => this.#upgrade(method, path, input))
    } catch (error) {
      if (error instanceof BerthError && this.#stepDown(error)) return this.hijack(method, path, input)
      throw error
    }
  }

  #upgrade(method: string, path: string, input: RequestInput): Promise<HijackedSocket> {
    return new Promise((resolve, reject) => {
      const { options, payload } = this.#build(method, path, input)
      options.headers = { ...options.headers, Connection: 'Upgrade', Upgrade: 'tcp' }
      const request = this.#requester(options)
      request.on('upgrade', (response, socket, head) => {
        if (head.length > 0) socket.unshift(head)
        request.removeAllListeners('error')
        resolve({ socket, contentType: String(response.headers['content-type'] ?? '') })
      })
      request.on('response', response => {
        readText(response).then(
          text => reject(errorFromResponse(response.statusCode ?? 0, text)),
          error => reject(connectionError(error, this.address)),
        )
      })
      request.on('error', error => this.#failed(request, error).then(reject))
      request.end(payload)
    })
  }

  #send(method: string, path: string, input: RequestInput, version?: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { options, payload } = this.#build(method, path, input, version)
      const request = this.#requester(options)
      request.on('response', resolve)
      request.on('error', error => {
        // A kept-alive connection may be closed by the daemon in the moment it is used again.
        const stale = request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
        if (stale && method === 'GET') this.#send(method, path, input, version).then(resolve, reject)
        else this.#failed(request, error).then(reject)
      })
      if (input.body !== undefined && !Buffer.isBuffer(input.body)) {
        const body = input.body
        body.on('error', error => request.destroy(error))
        body.pipe(request)
        // The daemon may refuse before it has read everything: stop sending then.
        request.on('response', () => request.on('error', () => body.unpipe(request)))
      } else request.end(payload)
    })
  }

  #build(method: string, path: string, input: RequestInput, version = this.#version) {
    const prefix = version === '' ? '' : `/v${version}`
    const headers: Record<string, string> = { ...this.#options.headers, ...input.headers }
    let payload: Buffer | string | undefined
    if (input.json !== undefined) {
      payload = JSON.stringify(input.json)
      headers['Content-Type'] = 'application/json'
      headers['Content-Length'] = String(Buffer.byteLength(payload))
    } else if (Buffer.isBuffer(input.body)) {
      payload = input.body
      headers['Content-Length'] = String(payload.length)
    } else if (input.body === undefined && method !== 'GET' && method !== 'HEAD') headers['Content-Length'] = '0'
    const options: RequestOptions = {
      method,
      path: `${prefix}${path}${queryString(input.query ?? {})}`,
      headers,
      agent: this.#agent,
      // Left open, Node asks whether Host is an IPv6 address: compiling that pattern takes 10 ms.
      ...(this.#secure ? {} : { servername: '' }),
      signal: input.signal,
    }
    const endpoint = this.endpoint
    if (endpoint.kind === 'ssh') options.headers = { Host: 'berth', ...headers }
    else if (endpoint.kind === 'unix') {
      options.socketPath = endpoint.path
      options.headers = { Host: 'berth', ...headers }
    } else {
      options.host = endpoint.host
      options.port = endpoint.port
      options.path = endpoint.basePath + options.path!
    }
    return { options, payload }
  }

  /** Connections are processes of ssh's from now on, until `close`. */
  async #dialSsh(endpoint: SshEndpoint): Promise<void> {
    const { SshDialer } = await import('./ssh-dialer.ts')
    const dialer = (this.#dialer ??= new SshDialer(
      endpoint,
      this.#options.ssh ?? (process.env['BERTH_SSH']?.trim() || 'ssh'),
    ))
    this.#agent.createConnection = (_options, done) => {
      const socket = dialer.dial()
      socket.then(
        socket => done!(null, socket),
        error => done!(error as Error, undefined as never),
      )
      return undefined
    }
  }

  async #failed(request: ClientRequest, error: unknown): Promise<BerthError> {
    if (error instanceof BerthError) return error
    return (await this.#dialer?.reason(request.socket)) ?? connectionError(error, this.address)
  }

  async #retrying<T>(send: () => Promise<T>): Promise<T> {
    if (this.endpoint.kind === 'ssh' && !this.#dialer) await this.#dialSsh(this.endpoint)
    if (this.endpoint.kind === 'tcp' && this.endpoint.tls && this.#requester === http.request) {
      const https = process.getBuiltinModule('node:https')
      const { ca, cert, key, verify } = this.endpoint.tls
      this.#agent = new https.Agent({ keepAlive: true, ca, cert, key, rejectUnauthorized: verify })
      this.#requester = https.request
    }
    try {
      const answer = await send()
      this.#mayRecover = false
      return answer
    } catch (error) {
      if (!this.#mayRecover || !(error instanceof BerthError) || !nothingListens(error)) throw error
      this.#mayRecover = false
      if (!(await this.#options.onUnreachable!(error))) throw error
      return send()
    }
  }

  /** True when the daemon said that our version is too new and an older one is now set. */
  #stepDown(error: BerthError): boolean {
    if (!this.#negotiable) return false
    const match = /client version [\d.]+ is too new\. Maximum supported API version is ([\d.]+)/.exec(error.message)
    if (!match) return false
    const maximum = match[1]!
    if (compareVersions(maximum, MINIMUM_API_VERSION) < 0 || maximum === this.#version) return false
    this.#version = maximum
    this.#negotiable = false
    return true
  }
}

export interface HijackedSocket {
  socket: Duplex
  /** `application/vnd.docker.multiplexed-stream` when stdout and stderr are framed, else raw. */
  contentType: string
}

function nothingListens(error: BerthError): boolean {
  return error.details['code'] === 'ENOENT' || error.details['code'] === 'ECONNREFUSED'
}

/** Compares `1.9` and `1.24` number by number. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return Math.sign(difference)
  }
  return 0
}
