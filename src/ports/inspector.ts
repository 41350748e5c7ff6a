/**
 * Looks at networking without changing anything. Every verb that takes a `sandbox` looks into that network namespace
 * (its path), else into the daemon's own.
 */

/** Where the kernel would send a packet (RTM_GETROUTE). */
export interface RouteAnswer {
  /** `none`: there is no route. */
  kind: 'unicast' | 'local' | 'unreachable' | 'prohibit' | 'blackhole' | 'none'
  device: string
  /** '' when on-link. */
  gateway: string
  /** Source address that it would take. */
  source: string
}

export interface ProbeResult {
  outcome: 'connected' | 'refused' | 'timed-out' | 'unreachable' | 'failed'
  /** Symbolic, '' when connected. */
  errno: string
}

/** A TCP listener or a bound UDP socket. */
export interface Listener {
  protocol: 'tcp' | 'udp'
  port: number
  /** `0.0.0.0` and `::` take every address, `::` IPv4 too unless `v6only`. */
  address: string
  v6only: boolean
  /** Connections that wait to be accepted, and how many may. */
  waiting: number
  backlog: number
}

export interface Inspector {
  listeners(sandbox?: string): Promise<Listener[]>
  /**
   * `nft -j list ruleset`: every table of every family, foreign ones too. A rule with extensions of iptables (`xt`), of
   * which JSON has nothing but the name, has a `text` besides, as nft(8) prints it.
   */
  ruleset(sandbox?: string): Promise<unknown>
  /** Legacy iptables tables in use (/proc/net/ip_tables_names, ip6_tables_names), which nft does not show. */
  legacyTables(sandbox?: string): string[]
  /**
   * @param options.from source address that the packet has
   * @param options.iif device it comes in by: then the question is how it would be forwarded
   */
  routeTo(address: string, options?: { from?: string; iif?: string; sandbox?: string }): Promise<RouteAnswer>
  /** undefined when there is no such key. */
  sysctl(key: string, sandbox?: string): string | undefined
  /** undefined when connections are not tracked there. */
  conntrack(sandbox?: string): { count: number; max: number } | undefined
  /** A real TCP connection, closed at once; nothing is sent on it. */
  connect(address: string, port: number, options: { timeoutMs: number; sandbox?: string }): Promise<ProbeResult>
  /**
   * Sends one ICMP echo with don't-fragment set and says whether the answer came.
   *
   * @param options.bytes size of the IP packet
   */
  ping(address: string, options: { bytes: number; timeoutMs: number; sandbox?: string }): Promise<boolean>
  /**
   * Asks the wire whose an IPv4 address is, and waits the whole time, since a second owner answers late.
   *
   * @param asker.mac and `source`: of the device
   * @returns the MACs of all who answer
   */
  whoHas(
    address: string,
    asker: { device: string; mac: string; source: string; timeoutMs: number; sandbox?: string },
  ): Promise<string[]>
}
