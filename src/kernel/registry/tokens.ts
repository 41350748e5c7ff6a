import { BerthError } from '#lib/errors.ts'
import { refusal } from './errors.ts'
import { bodyOf, exchange } from './request.ts'
import type { Clock } from '#lib/clock.ts'
import type { RegistryAuth } from '#ports/registry.ts'
import type { Agents } from './agents.ts'
import type { Call } from './request.ts'

export interface TokenRequest {
  realm: URL
  service: string
  scopes: readonly string[]
  auth: RegistryAuth
  insecure: boolean
  signal?: AbortSignal | undefined
}

const BODY_LIMIT = 1 << 20
/** Seconds, where the server names none. */
const DEFAULT_LIFE = 60
const MAX_TOKENS = 1000

/** Bearer tokens (distribution spec, "Token Authentication"), kept by who asks and for what until shortly before they end. */
export class Tokens {
  readonly #agents: Agents
  readonly #clock: Clock
  readonly #timeout: number
  readonly #kept = new Map<string, { token: string; until: number }>()

  constructor(agents: Agents, clock: Clock, timeout: number) {
    this.#agents = agents
    this.#clock = clock
    this.#timeout = timeout
  }

  /** @param fresh asks anew, after a kept one was refused */
  async get(request: TokenRequest, fresh: boolean): Promise<string> {
    const { realm, service, scopes, auth } = request
    const who = auth.identitytoken ?? `${auth.username ?? ''}:${auth.password ?? ''}`
    const key = JSON.stringify([realm.href, service, scopes, who])
    const kept = this.#kept.get(key)
    if (!fresh && kept && kept.until > this.#clock.now()) return kept.token
    const answer = await exchange(this.#agents, auth.identitytoken ? refresh(request) : fetch(request), this.#timeout)
    if (answer.status !== 200) {
      throw answer.status === 401 ? await badCredentials(realm, answer) : await refusal(answer)
    }
    const { token, life } = parseToken(await bodyOf(answer, BODY_LIMIT))
    if (this.#kept.size >= MAX_TOKENS) this.#kept.delete(this.#kept.keys().next().value!)
    // Ten seconds, or a fifth of a short life, so that none runs out on its way.
    this.#kept.set(key, { token, until: this.#clock.now() + 1000 * (life - Math.min(10, life / 5)) })
    return token
  }
}

export const basic = (auth: RegistryAuth): string =>
  `Basic ${Buffer.from(`${auth.username ?? ''}:${auth.password ?? ''}`).toString('base64')}`

function fetch({ realm, service, scopes, auth, insecure, signal }: TokenRequest): Call {
  const url = new URL(realm)
  if (service) url.searchParams.set('service', service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  const headers: Record<string, string> = {}
  if (auth.username) {
    url.searchParams.set('account', auth.username)
    headers['authorization'] = basic(auth)
  }
  return { method: 'GET', url, headers, insecure, signal }
}

function refresh({ realm, service, scopes, auth, insecure, signal }: TokenRequest): Call {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    service,
    client_id: 'berth',
    scope: scopes.join(' '),
    refresh_token: auth.identitytoken!,
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return { method: 'POST', url: new URL(realm), headers, body: Buffer.from(form.toString()), insecure, signal }
}

async function badCredentials(realm: URL, answer: Parameters<typeof refusal>[0]): Promise<BerthError> {
  const { message, details } = await refusal(answer)
  return new BerthError('unauthenticated', `unauthorized: ${message.replace(/^unauthorized: /, '')}`, {
    details: { ...details, realm: realm.host },
  })
}

function parseToken(body: Buffer): { token: string; life: number } {
  let value: { token?: unknown; access_token?: unknown; expires_in?: unknown } = {}
  try {
    value = JSON.parse(body.toString('utf8')) as typeof value
  } catch {
    // Reported as a missing token.
  }
  const token = value.token || value.access_token
  if (typeof token !== 'string' || token === '') {
    throw new BerthError('system', 'authorization server did not include a token in the response')
  }
  return { token, life: Math.max(Number(value.expires_in) || DEFAULT_LIFE, 1) }
}
