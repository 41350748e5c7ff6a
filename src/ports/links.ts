/**
 * Network interfaces, addresses, routes and namespaces (rtnetlink(7), setns(2)). Every verb that takes a `sandbox`
 * acts in that network namespace (its path), else in the daemon's. Errors are `system` with `details.errno` and the
 * kernel's extended-ack text.
 */

export interface RouteSpec {
  /** CIDR or `default`. */
  destination: string
  gateway?: string
  device?: string
  /** `link` for on-link routes. */
  scope?: 'global' | 'link'
  metric?: number
  family?: 4 | 6
}

export interface LinkInfo {
  index: number
  name: string
  kind: string
  mac: string
  mtu: number
  up: boolean
  /** Operational state `up`, `down`, `lowerlayerdown`, `unknown`. */
  operState: string
  master: number
  alias: string
}

export interface LinkStats {
  rxBytes: number
  rxPackets: number
  rxErrors: number
  rxDropped: number
  txBytes: number
  txPackets: number
  txErrors: number
  txDropped: number
}

/** One endpoint as the kernel should have it: a veth whose host end is on `bridge`. */
export interface VethSpec {
  hostName: string
  bridge: string
  sandbox: string
  /** Name inside the sandbox: `eth0`. */
  containerName: string
  mac: string
  addresses: string[]
  mtu?: number
  routes: RouteSpec[]
  /** Forbids traffic between ports of the bridge that are both isolated (`enable_icc=false`). */
  isolated?: boolean
  /**
   * Lets frames leave through the port they came in by (IFLA_BRPORT_MODE): with bridge-nf-call-iptables=1 the kernel
   * bridges a container's connection to its own published port straight back.
   */
  hairpin?: boolean
  /** IFLA_IFALIAS of the host end, `berth:<daemon key>:<container id>`: what a sweep goes by. */
  alias?: string
  /** Sysctls of the interface such as `net.ipv4.conf.IFNAME.forwarding`. */
  sysctls?: Record<string, string>
}

/** What of an endpoint may change while it is in use. */
export interface VethChange {
  hostName: string
  sandbox: string
  /** Of the end in the sandbox, which is found by it. */
  mac: string
  port: { hairpin: boolean; isolated: boolean }
  /** Bytes, of both ends; stays when absent. */
  mtu?: number
}

export interface BridgeSpec {
  name: string
  mac?: string
  mtu?: number
  addresses: string[]
  /** Shown by `ip link` (IFLA_IFALIAS); Berth puts `berth:<daemon key>:<network id>`. */
  alias: string
}

export type MacvlanMode = 'bridge' | 'private' | 'vepa' | 'passthru'
export type IpvlanMode = 'l2' | 'l3' | 'l3s'
export type IpvlanFlag = 'bridge' | 'private' | 'vepa'

/** One endpoint as a macvlan or ipvlan on a link of the daemon's namespace. */
export interface ChildSpec {
  kind: { kind: 'macvlan'; mode: MacvlanMode } | { kind: 'ipvlan'; mode: IpvlanMode; flag: IpvlanFlag }
  parent: string
  sandbox: string
  /** Name inside the sandbox: `eth0`. */
  containerName: string
  /** Absent: what the kernel chooses; the parent's own for ipvlan and passthru. */
  mac?: string
  addresses: string[]
  mtu?: number
  routes: RouteSpec[]
  /** IFLA_IFALIAS: what it is deleted by. */
  alias: string
  sysctls?: Record<string, string>
}

/** A link that somebody else made in the daemon's namespace, to be an endpoint. */
export interface LentSpec extends Omit<ChildSpec, 'kind' | 'parent'> {
  hostName: string
}

/** A link of the daemon's namespace that a network needs. */
export interface HostLinkSpec {
  name: string
  /** `dummy` leads nowhere: a veth pair of which nobody uses the other end where the kernel has no dummies. */
  kind: ChildSpec['kind'] | { kind: 'vlan'; id: number } | { kind: 'dummy' }
  /** Link that it stands on. */
  parent?: string
  mac?: string
  addresses: string[]
  alias: string
}

/** An entry of a device's ARP (IPv4) or NDP (IPv6) table. */
export interface Neighbour {
  device: string
  address: string
  /** Empty while it is not known. */
  mac: string
  /** `permanent` never ages; `stale` is asked for again when used; the others are the kernel's own. */
  state: 'permanent' | 'stale' | 'reachable' | 'incomplete' | 'delay' | 'probe' | 'failed' | 'noarp' | 'none'
}

/** A forwarding entry: frames for `mac` leave by `device`. */
export interface Forwarding {
  device: string
  mac: string
  /** Whose table: the device's own (a vxlan's, a network card's), or that of the bridge it is a port of. */
  table: 'self' | 'master'
  /** For a vxlan: address of the machine behind which the MAC is. */
  destination?: string
  /** UDP port of that machine; the device's own when absent. */
  port?: number
  vni?: number
  vlan?: number
}

export interface ForwardingInfo extends Forwarding {
  /** `permanent`: an address of the port itself; `static`: set by somebody; `dynamic`: learnt, and ages. */
  state: 'permanent' | 'static' | 'dynamic'
}

/** A subnet in which the host has an address, or to which it has a route (CIDR, or `default`). */
export interface HostSubnet {
  subnet: string
  device: string
  what: 'address' | 'route'
}

export interface Links {
  list(sandbox?: string): Promise<LinkInfo[]>
  find(name: string, sandbox?: string): Promise<LinkInfo | undefined>
  /** CIDRs of every route of the main table and every address, for clash checks. */
  routes(family: 4 | 6, sandbox?: string): Promise<{ destination: string; device: string; gateway?: string }[]>
  addresses(sandbox?: string): Promise<{ device: string; address: string }[]>
  /** Every subnet that the host knows by its links, but for those `except`; cheap to ask again. */
  hostSubnets(except?: ReadonlySet<string>): Promise<HostSubnet[]>

  /** Creates and brings up; present already with the same name: brought to the spec. */
  ensureBridge(spec: BridgeSpec): Promise<void>
  /** Creates the pair, moves, names, addresses and brings up both ends. Undone in full on error. */
  createVeth(spec: VethSpec): Promise<void>
  /** @throws not-implemented naming what the kernel would need for links of this kind */
  requireKind(kind: 'macvlan' | 'ipvlan' | 'vlan'): Promise<void>
  /** Makes it straight in its sandbox, addresses it and brings it up. Undone in full on error. */
  createChild(spec: ChildSpec): Promise<void>
  /** Queues the deletion of a sandbox's link by its alias and returns at once; it or the sandbox gone is success. */
  deleteChild(sandbox: string, alias: string): void
  /** Moves it into its sandbox, names, addresses and brings it up; back out on error. @returns its MAC */
  takeLink(spec: LentSpec): Promise<string>
  /** Gives a sandbox's link, known by its alias, back under `hostName`; it or the sandbox gone is success. */
  returnLink(sandbox: string, alias: string, hostName: string): Promise<void>
  /** Creates and brings up; present already with the same name and alias: brought to the spec's addresses. */
  ensureLink(spec: HostLinkSpec): Promise<void>
  /** Changes a pair that is there, in place. */
  changeVeth(change: VethChange): Promise<void>
  /** Brings a sandbox's loopback up. */
  loopbackUp(sandbox: string): Promise<void>
  /** Each takes the place of one with the same destination and metric; other routes stay. */
  replaceRoutes(sandbox: string | undefined, routes: RouteSpec[]): Promise<void>
  /** Already gone is success. */
  deleteRoutes(sandbox: string | undefined, routes: RouteSpec[]): Promise<void>
  /** Queues the deletion and returns at once (it takes 14-40 ms); already gone is success. */
  deleteLink(name: string): void
  /** Resolves when every queued deletion is done. */
  settled(): Promise<void>
  stats(sandbox: string): Promise<Record<string, LinkStats>>
  /** @returns whether it had another value */
  setSysctl(key: string, value: string, sandbox?: string): Promise<boolean>
  /** What the kernel knows of its neighbours, multicast and loopback left out; of one device or of all. */
  neighbours(device?: string, sandbox?: string): Promise<Neighbour[]>
  /** Adds it, or gives the one with the same address this MAC. */
  replaceNeighbour(
    neighbour: { device: string; address: string; mac: string; state: 'permanent' | 'stale' },
    sandbox?: string,
  ): Promise<void>
  /** Already gone is success. */
  deleteNeighbour(device: string, address: string, sandbox?: string): Promise<void>

  /** Entries of a port or a tunnel; of a bridge those of all of its ports. */
  forwardings(device: string, sandbox?: string): Promise<ForwardingInfo[]>
  /** One more destination for the MAC: of a vxlan, 00:00:00:00:00:00 is where broadcasts go. Adds it if there is none. */
  appendForwarding(entry: Forwarding, sandbox?: string): Promise<void>
  /** In the place of the one with the same MAC (not for 00:00:00:00:00:00 and multicast, which have several). */
  replaceForwarding(entry: Forwarding, sandbox?: string): Promise<void>
  /** Already gone is success. */
  deleteForwarding(entry: Forwarding, sandbox?: string): Promise<void>

  /** Gratuitous ARP / unsolicited NA so that a reused address is learnt at once. */
  announce(sandbox: string, device: string, address: string, mac: string): Promise<void>
}

/** Network namespaces, pinned by a bind mount so that they outlive the daemon. */
export interface Sandboxes {
  /** Creates the namespace at `<exec-root>/netns/<id>`, loopback up; from a warm pool where one is ready. */
  create(id: string): Promise<string>
  /** Path of an existing one; undefined when absent. */
  find(id: string): string | undefined
  list(): string[]
  /** Queued like `deleteLink`; already gone is success. */
  remove(id: string): void
  settled(): Promise<void>
  /** Path of a process's namespace: `/proc/PID/ns/net`. */
  ofProcess(pid: number): string
}
