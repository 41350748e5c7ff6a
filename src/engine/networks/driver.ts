import type { EndpointRecord } from '#model/container.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { RouteSpec } from '#ports/links.ts'
import type { CreateNetwork } from './service.ts'
import type { Element } from './firewall/ruleset.ts'

/** An endpoint about to exist in a sandbox. */
export interface Attachment {
  containerId: string
  endpoint: EndpointRecord
  sandboxPath: string
  /** `eth0`. */
  device: string
  routes: RouteSpec[]
  publishes: boolean
}

/** A kind of network: bridge, host, null, macvlan, ipvlan, and those of plugins. */
export interface NetworkDriver {
  readonly name: string
  /** Whether endpoints have addresses of ours, and so need IPAM. */
  readonly addressed: boolean
  /** Whether the host can publish ports of its endpoints. */
  readonly publishes: boolean
  /** @throws invalid for options that cannot be, before anything exists */
  validate(request: CreateNetwork): void
  /** Name of the host interface for a new network, '' for none. @throws conflict when it is somebody else's */
  interfaceFor(id: string, request: CreateNetwork): Promise<string>
  /** Brings up what the network needs on the host; up already is success. */
  up(network: NetworkRecord): Promise<void>
  /** Already gone is success. */
  down(network: NetworkRecord): void
  /** Told once, when the network is made, after `up`. @throws for a network that cannot be: it is undone */
  created?(network: NetworkRecord): Promise<void>
  /** Told once, when it is removed, before `down`. @throws to keep it */
  removed?(network: NetworkRecord): Promise<void>
  /** What the packet filter must know of the network. */
  elements(network: NetworkRecord): Element[]
  /** Makes the interface in the sandbox, in full or not at all. */
  attach(network: NetworkRecord, attachment: Attachment): Promise<void>
  /** Brings an endpoint that is in use to what its network, and what it publishes, are now. */
  refresh?(network: NetworkRecord, endpoint: EndpointRecord, sandboxPath: string, publishes: boolean): Promise<void>
  /**
   * Returns at once; already gone is success.
   * @param sandboxPath given when the sandbox lives on
   */
  detach(network: NetworkRecord, endpoint: EndpointRecord, sandboxPath?: string): void
  /** Whether endpoints have a way out of it; those of a network that is not internal, if absent. */
  leadsOutside?(network: NetworkRecord): boolean
  /** Whether that way goes by the pool's gateway, else straight by the device; it does if absent. */
  hasGateway?(network: NetworkRecord): boolean
  /** Links of the host that belong to the network, beside its bridge: a sweep leaves them. */
  hostLinks?(network: NetworkRecord): string[]
}
