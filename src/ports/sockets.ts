/** A port inside a sandbox on which something takes connections or datagrams. */
export interface OpenPort {
  protocol: 'tcp' | 'udp'
  port: number
  /** Bound to a loopback address: nobody outside the sandbox reaches it. */
  loopback: boolean
}

/** What programs in a sandbox (network namespace path) do with their sockets, cheaply enough to be asked every few ms. */
export interface Sockets {
  /** TCP listeners and bound UDP sockets. */
  open(sandbox: string): Promise<OpenPort[]>
  /**
   * TCP connections that came in and still have something to say: established, being established, or with data that the
   * other side has not acknowledged. Those that are over but for a timer do not count.
   */
  inbound(sandbox: string): Promise<number>
}
