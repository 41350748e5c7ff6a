/** Sockets of the embedded DNS. Messages are wire format (RFC 1035), without the TCP length prefix. */
export type DnsHandler = (query: Buffer, from: { sandbox: string; transport: 'udp' | 'tcp' }) => Answered

/** What is known is answered at once: a promise costs, and keeps the answer out of the batch that its question came in. */
export type Answered = Buffer | undefined | Promise<Buffer | undefined>

export interface DnsSockets {
  /**
   * Answers on 127.0.0.11:53, UDP and TCP, inside the sandbox: sockets on high ports behind a redirect in that
   * namespace, so that a container's own 0.0.0.0:53 works beside it. Idempotent; used again after a restart.
   */
  listen(sandbox: string, handler: DnsHandler): Promise<void>
  close(sandbox: string): void
  /**
   * Asks one upstream server, from inside `sandbox` if given, else from the daemon's namespace.
   * @throws unavailable after `timeoutMs`
   */
  ask(server: string, query: Buffer, options: { timeoutMs: number; tcp?: boolean; sandbox?: string }): Promise<Buffer>
}

/** Host ports. */
export interface HostPorts {
  /** Whether something outside Berth listens there (bind(2) is tried and given back). */
  isFree(protocol: 'tcp' | 'udp' | 'sctp', address: string, port: number): boolean
  /** Low and high of net.ipv4.ip_local_port_range. */
  ephemeralRange(): [number, number]
  /** Holds the port for as long as the publication lives, so that no other program takes it; costs one fd, no process. */
  reserve(protocol: 'tcp' | 'udp' | 'sctp', address: string, port: number): () => void
}
