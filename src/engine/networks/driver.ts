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

/** A kind of network. Bridge, host and null today; macvlan, ipvlan and overlay have their place here. */
export interface NetworkDriver {
  readonly name: string
  /** Whether endpoints have addresses of ours, and so need IPAM. */
  readonly addressed: boolean
  /** @throws invalid for options that cannot be, before anything exists */
  validate(request: CreateNetwork): void
  /** Name of the host interface for a new network, '' for none. @throws conflict when it is somebody else's */
  interfaceFor(id: string, request: CreateNetwork): Promise<string>
  /** Brings up what the network needs on the host; up already is success. */
  up(network: NetworkRecord): Promise<void>
  /** Already gone is success. */
  down(network: NetworkRecord): void
  /** What the packet filter must know of the network. */
  elements(network: NetworkRecord): Element[]
  /** Makes the interface in the sandbox, in full or not at all. */
  attach(network: NetworkRecord, attachment: Attachment): Promise<void>
  /** Returns at once; already gone is success. */
  detach(network: NetworkRecord, endpointId: string): void
}
