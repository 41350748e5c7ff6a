/**
 * Looks at the host's networking without changing anything. Every verb that takes a `sandbox` looks into that network
 * namespace (its path), else into the daemon's own.
 */

/** A socket as /proc/net/{tcp,tcp6,udp,udp6} shows it (proc_net_tcp). */
export interface SocketInfo {
  protocol: 'tcp' | 'udp'
  family: 4 | 6
  /** `0.0.0.0` and `::` mean every address; an IPv6 one on `::` takes IPv4 too unless it is `v6only`. */
  localAddress: string
  localPort: number
  remoteAddress: string
  remotePort: number
  state: 'listen' | 'established' | 'syn-sent' | 'syn-recv' | 'time-wait' | 'close' | 'other'
  /** For a listener: connections that wait to be accepted. */
  receiveQueue: number
  inode: number
}

/** Where the kernel would send a packet (RTM_GETROUTE). */
export interface RouteAnswer {
  kind: 'unicast' | 'local' | 'unreachable' | 'prohibit' | 'blackhole' | 'none'
  device: string
  /** '' when on-link. */
  gateway: string
  /** Source address that it would take. */
  source: string
  /** Path MTU of the route, 0 when the device's own holds. */
  mtu: number
}

export interface ProbeResult {
  outcome: 'connected' | 'refused' | 'timed-out' | 'unreachable' | 'failed'
  /** Symbolic, '' when connected. */
  errno: string
  milliseconds: number
}

export interface Inspector {
  /** `nft -j list ruleset` of every table of every family, foreign ones too, read-only. */
  ruleset(sandbox?: string): Promise<unknown>
  /** Names of legacy iptables tables that are in use (/proc/net/ip_tables_names, ip6_tables_names): nft does not show them. */
  legacyTables(): string[]
  /** Sockets of the namespace that process `pid` lives in, or of the daemon's. */
  sockets(pid?: number): Promise<SocketInfo[]>
  /** Command name of the process that holds the socket inode; '' when unknown. */
  ownerOfSocket(inode: number, pid?: number): Promise<string>
  /**
   * @param from source address that the packet has
   * @param iif device it comes in by: then the question is how it would be forwarded
   */
  routeTo(address: string, options?: { from?: string; iif?: string; sandbox?: string }): Promise<RouteAnswer>
  /** undefined when there is no such key. */
  sysctl(key: string, sandbox?: string): Promise<string | undefined>
  /** undefined when conntrack is not loaded. */
  conntrack(sandbox?: string): Promise<{ count: number; max: number } | undefined>
  /** A real TCP connection, closed at once; from inside the sandbox. Nothing is sent on it. */
  connect(address: string, port: number, options: { timeoutMs: number; sandbox?: string }): Promise<ProbeResult>
  /** Asks a DNS server a question of type A or AAAA and gives the addresses or the response code. */
  resolve(
    server: string,
    name: string,
    options: { timeoutMs: number; sandbox?: string; type?: 'A' | 'AAAA' },
  ): Promise<{ rcode: string; addresses: string[] } | { error: string }>
  /** Sends one ICMP echo of `bytes` (IP packet size) with don't-fragment set and says whether the answer came. */
  ping(
    address: string,
    options: { bytes: number; timeoutMs: number; sandbox?: string },
  ): Promise<{ answered: boolean; mtu?: number; errno: string }>
}
