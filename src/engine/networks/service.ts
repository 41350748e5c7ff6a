import type { EndpointRequest, PortBinding } from '#model/config.ts'
import type { EndpointRecord, PublishedPort } from '#model/container.ts'
import type { EgressStatus } from '#model/egress.ts'
import type { Filters } from '#model/filters.ts'
import type { IpamPool, NetworkRecord } from '#model/network.ts'

export interface CreateNetwork {
  name: string
  driver: string
  enableIPv4: boolean
  enableIPv6: boolean
  internal: boolean
  attachable: boolean
  ingress: boolean
  ipam: { Driver: string; Options: Record<string, string>; Config: IpamPool[] }
  options: Record<string, string>
  labels: Record<string, string>
}

/** What the network layer knows of a container; the containers layer hands it over. */
export interface SandboxOwner {
  id: string
  name: string
  hostname: string
  domainname: string
  /** Aliases that hold on every user-defined network (Compose service names come as endpoint aliases instead). */
  dns: string[]
  dnsSearch: string[]
  dnsOptions: string[]
  extraHosts: string[]
  links: string[]
  exposedPorts: string[]
  portBindings: Record<string, PortBinding[]>
  publishAllPorts: boolean
  sysctls: Record<string, string>
  labels: Record<string, string>
  /** `HostConfig.Annotations`: what Berth adds to a container rides here, so that Docker's own clients can set it too. */
  annotations: Record<string, string>
}

/** Everything the network layer made for a running container. Persisted inside the container's record. */
export interface SandboxResult {
  /** Namespace path for the OCI spec. */
  sandboxPath: string
  endpoints: Record<string, EndpointRecord>
  publishedPorts: PublishedPort[]
  /** Contents of the container's /etc/resolv.conf and /etc/hosts. */
  resolvConf: string
  hosts: string
  hostname: string
}

/** An endpoint that exists now, for `network inspect`. */
export interface AttachedContainer {
  containerId: string
  containerName: string
  endpoint: EndpointRecord
}

/** A service of Compose with what of it runs in one network. */
export interface ServiceReplicas {
  project: string
  service: string
  /** Address that stands for all replicas; '' when each is reached by its own. */
  vip: string
  replicas: (AttachedContainer & {
    ports: PublishedPort[]
    /** `starting`: nothing listens yet; `draining`: it is being stopped. Only the serving get new connections. */
    state: 'serving' | 'unhealthy' | 'starting' | 'draining'
  })[]
}

/** What of a network may change while it is in use. */
export interface NetworkChange {
  labels: Record<string, string>
  removeLabels: string[]
  /** '' gives an option back to its default. */
  options: Record<string, string>
}

export interface NetworksService {
  /** By id, name or id prefix. @throws not-found `network NAME not found` */
  get(reference: string): NetworkRecord
  list(filters: Filters): NetworkRecord[]
  /** @returns the record and Docker's warnings */
  create(request: CreateNetwork): Promise<{ network: NetworkRecord; warning: string }>
  /** @throws forbidden for builtin ones, invalid for what cannot change */
  update(reference: string, change: NetworkChange): Promise<NetworkRecord>
  /** @throws forbidden for builtin ones, conflict (403 in Docker's words: `has active endpoints`) when in use */
  remove(reference: string): Promise<void>
  /** What `prune` would remove now. */
  planPrune(filters: Filters): NetworkRecord[]
  prune(filters: Filters): Promise<string[]>
  attached(networkId: string): AttachedContainer[]
  /** Compose services with running replicas there. */
  services(networkId: string): ServiceReplicas[]

  /**
   * Validates the attachments a container asks for before anything exists (unknown network, address outside the
   * subnet, static address on the default bridge, clash with another's static address, bad port) and reserves the
   * static addresses. Unknown networks are not an error here when `allowMissing` (Docker: fails at start).
   */
  plan(owner: SandboxOwner, requests: Record<string, EndpointRequest>): Promise<Record<string, EndpointRecord>>

  /** Builds the sandbox: namespace, endpoints, DNS, published ports. In full or not at all. */
  openSandbox(owner: SandboxOwner, endpoints: Record<string, EndpointRecord>): Promise<SandboxResult>
  /** Gives everything of the run back; static addresses stay reserved. Already gone is success. Returns fast. */
  closeSandbox(containerId: string): Promise<void>
  /** The container is being removed: static reservations go too. */
  forget(containerId: string): void

  /** Adds an endpoint to a running (sandboxPath set) or stopped container. */
  connect(
    owner: SandboxOwner,
    networkReference: string,
    request: EndpointRequest,
    sandboxPath: string,
  ): Promise<EndpointRecord>
  disconnect(containerId: string, networkReference: string): Promise<void>
  /**
   * Publishes and unpublishes ports of a running container, all or nothing. `owner` is as it will be.
   * @returns all ports that are published then
   * @throws conflict for a port that is taken
   */
  republish(
    owner: SandboxOwner,
    change: { add: Record<string, PortBinding[]>; remove: Record<string, PortBinding[]> },
  ): Promise<PublishedPort[]>
  /** What is published of a running container now; `connect` and `disconnect` may change it. */
  publishedPorts(containerId: string): PublishedPort[]
  rename(containerId: string, newName: string): void
  /** Makes the egress policy of a running container what its annotations say. @throws invalid, and nothing is changed */
  changeEgress(owner: SandboxOwner): Promise<void>
  /** Running containers with an egress policy, or the named one, if it has one. @throws not-found when it does not run */
  egress(reference?: string): Promise<EgressStatus[]>
  /**
   * Contents of /etc/resolv.conf and /etc/hosts as a live container should have them now: write them in place after
   * `connect` and `disconnect`. undefined when the container has no sandbox.
   */
  files(containerId: string): Promise<{ resolvConf: string; hosts: string } | undefined>
  /** Running containers whose /etc/hosts names this one by a legacy link of the default network. */
  linkedTo(containerId: string): string[]
  /** Health gate for DNS and balancing. */
  setHealthy(containerId: string, healthy: boolean): void
  /** The container's process runs, or again: a replica gets connections when it listens. After the first `setHealthy`. */
  started(containerId: string): void
  /**
   * The container is about to be stopped or frozen: other replicas of its service get the new connections, and those that it has
   * may end, for a while (`berth.drain` seconds). Returns at once when it is nobody's replica or the only one.
   * @param options.wait false: only new connections are turned away
   */
  drain(containerId: string, options: { wait: boolean }): Promise<void>

  /** Ids of the containers that share `address` as replicas of one service; none when it is nobody's virtual address. */
  replicasBehind(networkId: string, address: string): string[]
  /** Whether the container is a replica whose service sends nothing to it, while others serve. */
  leftOut(networkId: string, containerId: string): boolean
  /** What packets meet on the host on their way to and from an endpoint. */
  hostInterface(endpoint: EndpointRecord): string

  /** Per-interface counters by container-side name (`eth0`), for stats. */
  stats(containerId: string): Promise<Record<string, import('#ports/links.ts').LinkStats>>

  /**
   * After a restart: rebuilds tables, DNS listeners, leases and ports of the live sandboxes from their records and
   * sweeps links, namespaces and addresses without an owner.
   */
  recover(
    live: {
      owner: SandboxOwner
      sandboxPath: string
      endpoints: Record<string, EndpointRecord>
      ports: PublishedPort[]
      /** False for one that its health check has not found well. */
      healthy?: boolean
    }[],
    stopped: { owner: SandboxOwner; endpoints: Record<string, EndpointRecord> }[],
  ): Promise<void>
  /** At a clean end with no live container: interfaces and tables go; `recover` brings them back. */
  tearDown(): Promise<void>
  /** Removes nothing of live containers; stops listeners, so that the process can end. */
  close(): Promise<void>
}
