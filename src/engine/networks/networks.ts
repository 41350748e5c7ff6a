import { KeyedLock } from '#lib/keyed-lock.ts'
import type { EndpointRequest } from '#model/config.ts'
import type { EndpointRecord, PublishedPort } from '#model/container.ts'
import type { EgressStatus } from '#model/egress.ts'
import type { Filters } from '#model/filters.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { LinkStats } from '#ports/links.ts'
import { drain } from './balance/drain.ts'
import { unknow } from './balance/know.ts'
import { healthChanged, memberStarted } from './balance/members.ts'
import { servicesIn } from './balance/services.ts'
import { Balance, groupOfLease, membersIn, servingMembers } from './balance/state.ts'
import { BridgeDriver, vethName } from './bridge-driver.ts'
import { closeSandbox } from './close.ts'
import { connect, disconnect } from './connect.ts'
import type { Context, NetworksOptions } from './context.ts'
import { createNetwork } from './create.ts'
import { Forwarder } from './dns/forwarder.ts'
import { changeEgress } from './egress/change.ts'
import { expire } from './egress/follow.ts'
import { Egress } from './egress/state.ts'
import { egressStatus } from './egress/status.ts'
import { containerName, dnsNames } from './endpoint.ts'
import { sandboxFiles } from './files/sandbox-files.ts'
import { keepManners } from './firewall/manners.ts'
import { forwardingGuards, turnOnForwarding } from './forwarding.ts'
import { FirewallTable } from './firewall/table.ts'
import { Ipam } from './ipam/ipam.ts'
import { MacClaims } from './ipam/mac-claims.ts'
import { linkedTo } from './links.ts'
import { listNetworks, planPruneNetworks, pruneNetworks } from './list.ts'
import { openSandbox } from './open.ts'
import { plainDriver } from './plain-drivers.ts'
import { ParentedDriver } from './parented/driver.ts'
import { planEndpoints } from './plan.ts'
import { HostPortTable } from './ports/host-ports.ts'
import { recover } from './recover.ts'
import { Registry } from './registry.ts'
import { Drivers } from './remote/drivers.ts'
import { removeNetwork } from './remove.ts'
import { republish } from './republish.ts'
import { announceNames } from './sandbox-dns.ts'
import type {
  AttachedContainer,
  CreateNetwork,
  NetworkChange,
  NetworksService,
  SandboxOwner,
  SandboxResult,
  ServiceReplicas,
} from './service.ts'
import { updateNetwork } from './update.ts'

/** Milliseconds between looks at whether the packet filter is still there. */
const HEAL_INTERVAL = 2000

/** Call `recover` before anything else, at each start: it makes the built-in networks. */
export class Networks implements NetworksService {
  readonly #ctx: Context
  readonly #updates = new KeyedLock()
  #healing: NodeJS.Timeout | undefined

  constructor(options: NetworksOptions) {
    const { links, store, firewall, table, log, hostPorts, dnsSockets, clock, host } = options
    const ipam = new Ipam(store.repository('leases'), holder => this.#holderName(holder))
    const bridge = new BridgeDriver(
      links,
      ipam,
      options.key,
      () => this.#ctx.hostMtu,
      async () => {
        await turnOnForwarding(this.#ctx, 6)
        await this.#ctx.filter.change([], forwardingGuards(this.#ctx))
      },
    )
    const parented = (name: 'macvlan' | 'ipvlan') =>
      new ParentedDriver(name, {
        links,
        ipam,
        key: options.key,
        networks: () => this.#ctx.registry.all(),
        endpoints: networkId => [...this.#ctx.live.values()].flatMap(sandbox => sandbox.endpoints.get(networkId) ?? []),
      })
    this.#ctx = {
      ...options,
      registry: new Registry(store.repository('networks')),
      drivers: new Drivers(
        [bridge, plainDriver('host'), plainDriver('null'), parented('macvlan'), parented('ipvlan')],
        { plugins: options.plugins, links, key: options.key, log },
      ),
      ipam,
      filter: new FirewallTable(firewall, table, log, { marking: options.manners === 'docker' }),
      portTable: new HostPortTable(hostPorts),
      zones: new Map(),
      live: new Map(),
      planned: new Map(),
      macs: new MacClaims(),
      linking: new Set(),
      turnedOn: store.repository('forwarding'),
      names: new Map(),
      upstream: new Forwarder(dnsSockets, clock, () => host.resolvers().nameservers),
      balance: new Balance(),
      egress: new Egress(store),
      draining: new Map(),
      hostMtu: 1500,
    }
  }

  #holderName(holder: string): string {
    const service = groupOfLease(holder)
    return service === undefined ? `container ${containerName(this.#ctx, holder)}` : `service ${service}`
  }

  get(reference: string): NetworkRecord {
    return this.#ctx.registry.resolve(reference)
  }

  list(filters: Filters): NetworkRecord[] {
    return listNetworks(this.#ctx, filters)
  }

  create(request: CreateNetwork): Promise<{ network: NetworkRecord; warning: string }> {
    return createNetwork(this.#ctx, request)
  }

  update(reference: string, change: NetworkChange): Promise<NetworkRecord> {
    // One change of a network at a time: the undo of one must not undo another.
    const { id } = this.#ctx.registry.resolve(reference)
    return this.#updates.run(id, () => updateNetwork(this.#ctx, id, change))
  }

  remove(reference: string): Promise<void> {
    return removeNetwork(this.#ctx, reference)
  }

  planPrune(filters: Filters): NetworkRecord[] {
    return planPruneNetworks(this.#ctx, filters)
  }

  prune(filters: Filters): Promise<string[]> {
    return pruneNetworks(this.#ctx, filters)
  }

  attached(networkId: string): AttachedContainer[] {
    return [...this.#ctx.live.values()].flatMap(({ owner, endpoints, ready }) => {
      const endpoint = endpoints.get(networkId)
      if (!ready || !endpoint) return []
      return [{ containerId: owner.id, containerName: owner.name, endpoint: { ...endpoint } }]
    })
  }

  services(networkId: string): ServiceReplicas[] {
    return servicesIn(this.#ctx, networkId)
  }

  async plan(owner: SandboxOwner, requests: Record<string, EndpointRequest>): Promise<Record<string, EndpointRecord>> {
    return planEndpoints(this.#ctx, owner, requests)
  }

  openSandbox(owner: SandboxOwner, endpoints: Record<string, EndpointRecord>): Promise<SandboxResult> {
    return openSandbox(this.#ctx, owner, endpoints)
  }

  closeSandbox(containerId: string): Promise<void> {
    return closeSandbox(this.#ctx, containerId)
  }

  forget(containerId: string): void {
    this.#ctx.ipam.unclaim(containerId)
    this.#ctx.planned.delete(containerId)
    this.#ctx.macs.unclaim(containerId)
    this.#ctx.names.delete(containerId)
    unknow(this.#ctx, containerId)
  }

  connect(
    owner: SandboxOwner,
    networkReference: string,
    request: EndpointRequest,
    _sandboxPath: string,
  ): Promise<EndpointRecord> {
    return connect(this.#ctx, networkReference, owner, request)
  }

  disconnect(containerId: string, networkReference: string): Promise<void> {
    return disconnect(this.#ctx, containerId, networkReference)
  }

  republish(owner: SandboxOwner, change: Parameters<NetworksService['republish']>[1]): Promise<PublishedPort[]> {
    return republish(this.#ctx, owner, change)
  }

  linkedTo(containerId: string): string[] {
    return linkedTo(this.#ctx, containerId)
  }

  publishedPorts(containerId: string): PublishedPort[] {
    return (this.#ctx.live.get(containerId)?.ports ?? []).map(port => ({ ...port }))
  }

  rename(containerId: string, newName: string): void {
    this.#ctx.names.set(containerId, newName)
    const sandbox = this.#ctx.live.get(containerId)
    if (!sandbox) return
    sandbox.owner = { ...sandbox.owner, name: newName }
    for (const [networkId, endpoint] of sandbox.endpoints) {
      const network = this.#ctx.registry.byId(networkId)
      if (network) endpoint.dnsNames = dnsNames(network, sandbox.owner, endpoint.request)
    }
    if (sandbox.ready) announceNames(this.#ctx, sandbox)
  }

  setHealthy(containerId: string, healthy: boolean): void {
    const sandbox = this.#ctx.live.get(containerId)
    if (!sandbox) return
    sandbox.healthy = healthy
    const member = this.#ctx.balance.members.get(containerId)
    if (member) return healthChanged(this.#ctx, member)
    for (const networkId of sandbox.endpoints.keys()) this.#ctx.zones.get(networkId)?.setHealthy(containerId, healthy)
  }

  started(containerId: string): void {
    memberStarted(this.#ctx, containerId)
  }

  drain(containerId: string, options: { wait: boolean }): Promise<void> {
    return drain(this.#ctx, containerId, options.wait)
  }

  changeEgress(owner: SandboxOwner): Promise<void> {
    return changeEgress(this.#ctx, owner)
  }

  egress(reference?: string): Promise<EgressStatus[]> {
    return egressStatus(this.#ctx, reference)
  }

  async files(containerId: string): Promise<{ resolvConf: string; hosts: string } | undefined> {
    const sandbox = this.#ctx.live.get(containerId)
    return sandbox && sandboxFiles(this.#ctx, sandbox)
  }

  replicasBehind(networkId: string, address: string): string[] {
    const vip = [...this.#ctx.balance.vips.values()].find(
      one => one.networkId === networkId && (one.ipv4 === address || one.ipv6 === address),
    )
    return vip ? servingMembers(membersIn(vip.group, networkId)).map(member => member.sandbox.owner.id) : []
  }

  leftOut(networkId: string, containerId: string): boolean {
    const group = this.#ctx.balance.members.get(containerId)?.group
    if (!group) return false
    return !servingMembers(membersIn(group, networkId)).some(member => member.sandbox.owner.id === containerId)
  }

  hostInterface(endpoint: EndpointRecord): string {
    const bridged = this.#ctx.registry.byId(endpoint.networkId)?.driver === 'bridge'
    return endpoint.endpointId === '' || !bridged ? '' : vethName(endpoint.endpointId)
  }

  async stats(containerId: string): Promise<Record<string, LinkStats>> {
    const sandbox = this.#ctx.live.get(containerId)
    if (!sandbox?.sandboxId) return {}
    const { lo: _lo, ...interfaces } = await this.#ctx.links.stats(sandbox.path)
    return interfaces
  }

  async recover(
    live: Parameters<NetworksService['recover']>[0],
    stopped: Parameters<NetworksService['recover']>[1],
  ): Promise<void> {
    await recover(this.#ctx, live, stopped)
    const manners = this.#ctx.manners ?? 'host'
    await keepManners(this.#ctx, manners)
    clearInterval(this.#healing)
    this.#healing = setInterval(() => {
      this.#ctx.filter.heal().catch((error: unknown) => {
        this.#ctx.log.error('packet filter not healed', { error: String(error) })
      })
      if (manners === 'docker') {
        keepManners(this.#ctx, manners).catch((error: unknown) => {
          this.#ctx.log.error('forward chains of others not changed', { error: String(error) })
        })
      }
      expire(this.#ctx).catch((error: unknown) => {
        this.#ctx.log.error('addresses of egress policies not taken away', { error: String(error) })
      })
    }, HEAL_INTERVAL)
    this.#healing.unref()
  }

  async tearDown(): Promise<void> {
    clearInterval(this.#healing)
    for (const network of this.#ctx.registry.all()) this.#ctx.drivers.get(network.driver)?.down(network)
    await this.#ctx.filter.remove()
    if (this.#ctx.manners === 'docker') await keepManners(this.#ctx, 'host')
    await this.#ctx.links.settled()
  }

  async close(): Promise<void> {
    clearInterval(this.#healing)
    for (const sandbox of this.#ctx.live.values()) if (sandbox.embeddedDns) this.#ctx.dnsSockets.close(sandbox.path)
    await Promise.all([...this.#ctx.draining.values(), this.#ctx.links.settled(), this.#ctx.sandboxes.settled()])
  }
}
