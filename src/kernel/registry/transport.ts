import { BerthError } from '#lib/errors.ts'
import { Agents } from './agents.ts'
import { parseChallenges } from './challenge.ts'
import { isTransient, refusal } from './errors.ts'
import { exchange } from './request.ts'
import { Tokens, basic } from './tokens.ts'
import type { RegistryAuth, RegistryEndpoint } from '#ports/registry.ts'
import type { Readable } from 'node:stream'
import type { HttpRegistryOptions } from './agents.ts'
import type { Answer } from './request.ts'

export interface RegistryRequest {
  endpoint: RegistryEndpoint
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the registry's root (`/v2/…`), or a whole URL that the registry gave. */
  target: string | URL
  /** `repository:library/busybox:pull`. */
  scopes?: string[]
  auth?: RegistryAuth | undefined
  headers?: Record<string, string>
  /** Opened anew for each attempt. */
  body?: Buffer | (() => Promise<Readable>)
  /** Statuses that are answers, not refusals. */
  accept: readonly number[]
  signal?: AbortSignal | undefined
  /** Not tried again: the caller starts over from a step before. */
  once?: boolean
}

/** With where it came from, redirects followed: relative locations count from there. */
export type Located = Answer & { url: URL }

const MAX_REDIRECTS = 10

/** Requests to registries, with authorization, redirects, retries and the choice between HTTPS and HTTP. */
export class Transport {
  readonly #options: HttpRegistryOptions
  readonly #agents: Agents
  readonly #tokens: Tokens
  readonly #timeout: number
  /** Hosts found to speak plain HTTP. */
  readonly #plain = new Set<string>()
  /** The last challenge of a host and scope, so that later requests need no 401 first. */
  readonly #challenges = new Map<string, string>()

  constructor(options: HttpRegistryOptions) {
    this.#options = options
    this.#agents = new Agents(options)
    this.#timeout = options.idleTimeout ?? 60_000
    this.#tokens = new Tokens(this.#agents, options.clock, this.#timeout)
  }

  close(): void {
    this.#agents.close()
  }

  /** @throws what `refusal` says for a status that is not accepted; system when the connection failed */
  async send(request: RegistryRequest): Promise<Located> {
    const retries = request.once ? 0 : (this.#options.retries ?? 3)
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#authorized(request)
      } catch (error) {
        if (attempt >= retries || !isTransient(error) || request.signal?.aborted) throw error
        const asked = error instanceof BerthError ? Number(error.details['retryAfter'] ?? 0) : 0
        const wait = (this.#options.backoff ?? 500) * 2 ** attempt
        await this.#options.clock.sleep(Math.max(wait, asked), request.signal)
      }
    }
  }

  async #authorized(request: RegistryRequest): Promise<Located> {
    const key = `${request.endpoint.host} ${(request.scopes ?? []).join(' ')}`
    const remembered = this.#challenges.get(key)
    let header = remembered === undefined ? undefined : await this.#authorization(request, remembered, false)
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#redirected(request, header)
      if (request.accept.includes(answer.status)) return answer
      const challenge = answer.headers['www-authenticate']
      if (answer.status !== 401 || challenge === undefined || attempt > 0) throw await refusal(answer)
      answer.body.resume()
      const fresh = challenge === remembered
      header = await this.#authorization(request, challenge, fresh)
      this.#challenges.set(key, challenge)
    }
  }

  async #authorization(request: RegistryRequest, header: string, fresh: boolean): Promise<string | undefined> {
    const auth = request.auth ?? {}
    if (auth.registrytoken) return `Bearer ${auth.registrytoken}`
    const challenges = parseChallenges(header)
    const bearer = challenges.find(challenge => challenge.scheme === 'bearer')
    if (bearer) {
      const { realm, service = '', scope } = bearer.parameters
      if (!realm || !URL.canParse(realm)) throw new BerthError('system', 'registry names no token server to ask')
      const scopes = request.scopes ?? (scope ? [scope] : [])
      const { insecure } = request.endpoint
      const token = { realm: new URL(realm), service, scopes, auth, insecure, signal: request.signal }
      return `Bearer ${await this.#tokens.get(token, fresh)}`
    }
    if (challenges.some(challenge => challenge.scheme === 'basic')) {
      if (auth.username) return basic(auth)
      throw new BerthError('unauthenticated', 'no basic auth credentials', { details: { code: 'UNAUTHORIZED' } })
    }
    throw new BerthError('unauthenticated', `registry asks for an unknown kind of authorization: ${header}`)
  }

  async #redirected(request: RegistryRequest, authorization: string | undefined): Promise<Located> {
    const { endpoint, method, signal } = request
    const follow = method === 'GET' || method === 'HEAD'
    let answer = await this.#choosingScheme(request, authorization)
    let at = answer.url
    for (let hops = 0; follow && [301, 302, 303, 307, 308].includes(answer.status); hops++) {
      const location = answer.headers.location
      if (!location || !URL.canParse(location, at) || hops >= MAX_REDIRECTS) return answer
      answer.body.resume()
      const url = new URL(location, at)
      // Credentials are for the registry, not for the storage it sends us to.
      const own = url.host === at.host && url.protocol === at.protocol ? authorization : undefined
      const headers = this.#headers(request, own)
      const next = await exchange(
        this.#agents,
        { method, url, headers, insecure: endpoint.insecure, signal },
        this.#timeout,
      )
      answer = { ...next, url }
      at = url
    }
    return answer
  }

  /** HTTPS first; a registry marked insecure may answer in plain HTTP instead. */
  async #choosingScheme(request: RegistryRequest, authorization: string | undefined): Promise<Located> {
    const { endpoint, target } = request
    if (target instanceof URL) {
      const own = target.host === endpoint.host ? authorization : undefined
      return await this.#attempt(request, target, own)
    }
    const url = (scheme: string) => new URL(`${scheme}://${endpoint.host}${target}`)
    if (endpoint.insecure && this.#plain.has(endpoint.host)) {
      try {
        return await this.#attempt(request, url('http'), authorization)
      } catch (error) {
        // It may have learnt TLS: the next attempt asks anew.
        this.#plain.delete(endpoint.host)
        throw error
      }
    }
    try {
      return await this.#attempt(request, url('https'), authorization)
    } catch (error) {
      if (!endpoint.insecure || request.signal?.aborted || !(error instanceof BerthError)) throw error
      // Both failing, the plain attempt's error is the one to show: it is what would have worked.
      const answer = await this.#attempt(request, url('http'), authorization)
      this.#plain.add(endpoint.host)
      return answer
    }
  }

  async #attempt(request: RegistryRequest, url: URL, authorization: string | undefined) {
    const { method, body, endpoint, signal } = request
    const headers = this.#headers(request, authorization)
    const content = typeof body === 'function' ? await body() : body
    const call = { method, url, headers, insecure: endpoint.insecure, signal, ...(content ? { body: content } : {}) }
    // A registry may take its time to store what it was sent.
    const patience = method === 'GET' || method === 'HEAD' ? 1 : 5
    return { ...(await exchange(this.#agents, call, patience * this.#timeout)), url }
  }

  #headers(request: RegistryRequest, authorization: string | undefined): Record<string, string> {
    return {
      'user-agent': this.#options.userAgent ?? 'berth',
      ...request.headers,
      ...(authorization === undefined ? {} : { authorization }),
    }
  }
}
