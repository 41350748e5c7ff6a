import { conflict, notFound, unavailable } from '#lib/errors.ts'
import type { DnsHandler, DnsSockets, HostPorts } from '#ports/resolver.ts'

type Upstream = (query: Buffer, options: { tcp: boolean; sandbox: string }) => Buffer | Promise<Buffer>

/** Listeners that a test asks with `query`; upstream servers are functions in `upstreams`, any other is dead. */
export class FakeDnsSockets implements DnsSockets {
  readonly upstreams = new Map<string, Upstream>()
  readonly asked: { server: string; tcp: boolean; sandbox: string }[] = []
  readonly #handlers = new Map<string, DnsHandler>()

  async listen(sandbox: string, handler: DnsHandler): Promise<void> {
    this.#handlers.set(sandbox, handler)
  }

  close(sandbox: string): void {
    this.#handlers.delete(sandbox)
  }

  isListening(sandbox: string): boolean {
    return this.#handlers.has(sandbox)
  }

  /** What a container in `sandbox` gets for its query to 127.0.0.11. */
  async query(sandbox: string, query: Buffer, transport: 'udp' | 'tcp' = 'udp'): Promise<Buffer | undefined> {
    const handler = this.#handlers.get(sandbox)
    if (!handler) throw notFound(`nothing listens in ${sandbox}`)
    return handler(query, { sandbox, transport })
  }

  async ask(
    server: string,
    query: Buffer,
    options: { timeoutMs: number; tcp?: boolean; sandbox?: string },
  ): Promise<Buffer> {
    const { tcp = false, sandbox = '' } = options
    this.asked.push({ server, tcp, sandbox })
    const upstream = this.upstreams.get(server)
    if (!upstream) throw unavailable(`dns server ${server} did not answer in ${options.timeoutMs} ms`)
    return upstream(query, { tcp, sandbox })
  }
}

/** Ports that a test marks as taken by others with `occupy`. */
export class FakeHostPorts implements HostPorts {
  readonly #held = new Set<string>()
  range: [number, number] = [32768, 60999]

  occupy(protocol: 'tcp' | 'udp' | 'sctp', address: string, port: number): void {
    this.#held.add(`${protocol} ${address} ${port}`)
  }

  isFree(protocol: 'tcp' | 'udp' | 'sctp', address: string, port: number): boolean {
    const wild = (host: string) => host === '0.0.0.0' || host === '::' || host === ''
    for (const key of this.#held) {
      const [heldProtocol, heldAddress = '', heldPort] = key.split(' ')
      if (heldProtocol !== protocol || heldPort !== String(port)) continue
      const sameFamily = heldAddress.includes(':') === address.includes(':')
      if (sameFamily && (heldAddress === address || wild(heldAddress) || wild(address))) return false
    }
    return true
  }

  ephemeralRange(): [number, number] {
    return this.range
  }

  reserve(protocol: 'tcp' | 'udp' | 'sctp', address: string, port: number): () => void {
    if (!this.isFree(protocol, address, port)) {
      throw conflict(`port ${port}/${protocol} of ${address} is in use`, { details: { errno: 'EADDRINUSE' } })
    }
    const key = `${protocol} ${address} ${port}`
    this.#held.add(key)
    return () => this.#held.delete(key)
  }

  get reserved(): string[] {
    return [...this.#held]
  }
}
