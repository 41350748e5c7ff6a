import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { EndpointRecord, PublishedPort } from '#model/container.ts'
import type { EngineEvent } from '#model/event.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { Firewall } from '#ports/firewall.ts'
import type { Host } from '#ports/host.ts'
import type { Links, Sandboxes } from '#ports/links.ts'
import type { Plugins } from '#ports/plugins.ts'
import type { DnsSockets, HostPorts } from '#ports/resolver.ts'
import type { Sockets } from '#ports/sockets.ts'
import type { Store } from '#ports/store.ts'
import type { Balance } from './balance/state.ts'
import type { Forwarder } from './dns/forwarder.ts'
import type { Zone } from './dns/zone.ts'
import type { NetworkDriver } from './driver.ts'
import type { Egress } from './egress/state.ts'
import type { Manners } from './firewall/manners.ts'
import type { FirewallTable } from './firewall/table.ts'
import type { TurnedOnRepository } from './forwarding.ts'
import type { MacClaims } from './ipam/mac-claims.ts'
import type { AddressPool } from './ipam/pools.ts'
import type { Ipam } from './ipam/ipam.ts'
import type { HostPortTable } from './ports/host-ports.ts'
import type { Registry } from './registry.ts'
import type { RemotePool } from './remote/ipam.ts'
import type { SandboxOwner } from './service.ts'

export interface NetworksOptions {
  links: Links
  sandboxes: Sandboxes
  firewall: Firewall
  dnsSockets: DnsSockets
  hostPorts: HostPorts
  plugins: Plugins
  sockets: Sockets
  host: Host
  store: Store
  clock: Clock
  log: Logger
  publish: (event: Omit<EngineEvent, 'time' | 'timeNano' | 'scope'>) => void
  /** Tells this daemon's kernel objects from another's: a few letters and digits, the same at each start. */
  key: string
  /** nftables table, `berth` or `berth-<suffix>`. */
  table: string
  /** What other firewalls of the host decide about our packets; `host` if absent. */
  manners?: Manners
  /** Interface of the default network. */
  bridge: string
  /** CIDR of the default network; the first free default pool if absent. The gateway is its first address. */
  pool?: string
  /** Where the subnets of new networks are taken from; built-in pools if absent. */
  addressPools?: readonly AddressPool[]
  /** Bytes; of networks that say nothing themselves. That of the way out if absent. */
  mtu?: number
  /** Tells one run of the machine from another. */
  bootId: string
  /** Whether a host that forwards only because of us drops what is not ours; see forwarding.ts. */
  guardForwarding: boolean
  /** Options of the default network that differ from the usual. */
  bridgeOptions?: Record<string, string>
  /** Hex digits of `bytes` random bytes. */
  randomHex: (bytes: number) => string
  /** Uniform in [0, 1). */
  random: () => number
}

/** A network as stored: with what `inspect` does not show. */
export interface StoredNetwork extends NetworkRecord {
  /** Subnets that the user gave: only there may an address be asked for (Docker's rule). */
  configuredSubnets: string[]
  /** What its IPAM plugin knows the subnets by; absent when the addresses are the engine's own to give. */
  remotePools?: RemotePool[]
}

/** A sandbox that exists, or is being made (`ready` false). */
export interface LiveSandbox {
  owner: SandboxOwner
  /** Name that `Sandboxes` knows it by. */
  sandboxId: string
  path: string
  /** By network id. */
  endpoints: Map<string, EndpointRecord>
  ports: PublishedPort[]
  embeddedDns: boolean
  /** Private DNS names: alias to container name, lower case. */
  links: Map<string, string>
  healthy: boolean
  ready: boolean
}

/** What the verbs of this folder share. One object for each service. */
export interface Context extends Omit<NetworksOptions, 'hostPorts'> {
  registry: Registry
  drivers: { get(name: string): NetworkDriver | undefined }
  ipam: Ipam
  filter: FirewallTable
  portTable: HostPortTable
  /** By network id. */
  zones: Map<string, Zone>
  /** By container id. */
  live: Map<string, LiveSandbox>
  macs: MacClaims
  turnedOn: TurnedOnRepository
  /** Of containers, running or not, by id: for messages. */
  names: Map<string, string>
  /** Those of `live` that have legacy links. */
  linking: Set<LiveSandbox>
  /** What containers asked for, running or not: container id to network ids. */
  planned: Map<string, Set<string>>
  upstream: Forwarder
  balance: Balance
  egress: Egress
  /** Addresses whose interface is still being deleted, by `network/address`. */
  draining: Map<string, Promise<void>>
  hostMtu: number
}
