import type { Inspector, Listener, ProbeResult, RouteAnswer } from '#ports/inspector.ts'

/** One namespace as a test says it is. */
export interface FakeNamespace {
  listeners: Listener[]
  /** `nft -j list ruleset`. */
  nftables: unknown[]
  legacyTables: string[]
  /** By prefix (`10.0.0.` ) or address; the longest that fits. */
  routes: Map<string, RouteAnswer>
  sysctls: Map<string, string>
  conntrack: { count: number; max: number } | undefined
  /** By `address:port`; others refuse. */
  connections: Map<string, ProbeResult['outcome']>
  /** Biggest packet that arrives, by address. */
  sizes: Map<string, number>
  /** MACs that answer for an address. */
  owners: Map<string, string[]>
}

const ERRNOS: Record<ProbeResult['outcome'], string> = {
  connected: '',
  refused: 'ECONNREFUSED',
  'timed-out': 'ETIMEDOUT',
  unreachable: 'EHOSTUNREACH',
  failed: 'EIO',
}

/** Answers from what a test has put there. */
export class FakeInspector implements Inspector {
  readonly #namespaces = new Map<string, FakeNamespace>()

  /** @param sandbox absent: the daemon's */
  at(sandbox = ''): FakeNamespace {
    let found = this.#namespaces.get(sandbox)
    if (!found) {
      found = {
        listeners: [],
        nftables: [],
        legacyTables: [],
        routes: new Map(),
        sysctls: new Map([['net.ipv4.ip_forward', '1']]),
        conntrack: undefined,
        connections: new Map(),
        sizes: new Map(),
        owners: new Map(),
      }
      this.#namespaces.set(sandbox, found)
    }
    return found
  }

  async listeners(sandbox?: string): Promise<Listener[]> {
    return this.at(sandbox).listeners
  }

  async ruleset(sandbox?: string): Promise<unknown> {
    return { nftables: [{ metainfo: {} }, ...this.at(sandbox).nftables] }
  }

  legacyTables(sandbox?: string): string[] {
    return this.at(sandbox).legacyTables
  }

  async routeTo(address: string, { sandbox }: { sandbox?: string } = {}): Promise<RouteAnswer> {
    const fits = [...this.at(sandbox).routes].filter(([prefix]) => address.startsWith(prefix))
    const [best] = fits.sort(([a], [b]) => b.length - a.length)
    return best?.[1] ?? { kind: 'none', device: '', gateway: '', source: '' }
  }

  sysctl(key: string, sandbox?: string): string | undefined {
    return this.at(sandbox).sysctls.get(key)
  }

  conntrack(sandbox?: string): { count: number; max: number } | undefined {
    return this.at(sandbox).conntrack
  }

  async connect(address: string, port: number, { sandbox }: { sandbox?: string }): Promise<ProbeResult> {
    const { kind } = await this.routeTo(address, { ...(sandbox !== undefined && { sandbox }) })
    if (kind === 'none') return { outcome: 'unreachable', errno: 'ENETUNREACH' }
    const outcome = this.at(sandbox).connections.get(`${address}:${port}`) ?? 'refused'
    return { outcome, errno: ERRNOS[outcome] }
  }

  async ping(address: string, { bytes, sandbox }: { bytes: number; sandbox?: string }): Promise<boolean> {
    return bytes <= (this.at(sandbox).sizes.get(address) ?? 0)
  }

  async whoHas(address: string, { sandbox }: { sandbox?: string }): Promise<string[]> {
    return this.at(sandbox).owners.get(address) ?? []
  }
}
