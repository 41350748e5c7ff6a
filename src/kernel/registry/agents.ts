import { readFileSync, readdirSync } from 'node:fs'
import type { Agent as HttpAgent } from 'node:http'
import { join } from 'node:path'
import type { Agent as HttpsAgent, AgentOptions } from 'node:https'
import type { Clock } from '#lib/clock.ts'

export interface HttpRegistryOptions {
  clock: Clock
  /** Sent as User-Agent. */
  userAgent?: string
  /** Where proxies are named: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`. */
  env?: Record<string, string | undefined>
  /**
   * Directories with a directory `host:port` of `*.crt` (authorities), `*.cert` and `*.key` (client) each;
   * `/etc/berth/certs.d` and Docker's own unless given.
   */
  certDirectories?: readonly string[]
  /** Milliseconds before the first retry; doubles each time. */
  backoff?: number
  retries?: number
  /** Milliseconds without a byte after which a connection counts as dead. */
  idleTimeout?: number
}

/** Kept connections, by how a host is to be trusted. */
export class Agents {
  readonly #env: Record<string, string | undefined>
  readonly #directories: readonly string[]
  readonly #http: HttpAgent
  readonly #https = new Map<string, HttpsAgent>()

  constructor(options: HttpRegistryOptions) {
    const env = options.env ?? {}
    const direct = [env['NO_PROXY'] ?? env['no_proxy'], 'localhost', '127.0.0.1', '::1'].filter(Boolean).join(',')
    this.#env = { ...env, NO_PROXY: direct, no_proxy: direct }
    this.#directories = options.certDirectories ?? ['/etc/berth/certs.d', '/etc/docker/certs.d']
    this.#http = new (process.getBuiltinModule('node:http').Agent)({ keepAlive: true, proxyEnv: this.#env })
  }

  for(url: URL, insecure: boolean): HttpAgent {
    if (url.protocol === 'http:') return this.#http
    const certificates = this.#certificates(url.host)
    const key = certificates ? `${url.host} ${insecure}` : String(insecure)
    let agent = this.#https.get(key)
    if (!agent) {
      agent = new (process.getBuiltinModule('node:https').Agent)({
        keepAlive: true,
        rejectUnauthorized: !insecure,
        proxyEnv: this.#env,
        ...certificates,
      })
      this.#https.set(key, agent)
    }
    return agent
  }

  close(): void {
    this.#http.destroy()
    for (const agent of this.#https.values()) agent.destroy()
  }

  #certificates(host: string): AgentOptions | undefined {
    for (const directory of this.#directories) {
      const path = join(directory, host)
      let names: string[]
      try {
        names = readdirSync(path)
      } catch {
        continue
      }
      const read = (suffix: string) => names.filter(name => name.endsWith(suffix)).map(n => readFileSync(join(path, n)))
      const [ca, cert, key] = [read('.crt'), read('.cert'), read('.key')]
      return {
        ...(ca.length > 0 ? { ca } : {}),
        ...(cert[0] && key[0] ? { cert: cert[0], key: key[0] } : {}),
      }
    }
    return undefined
  }
}
