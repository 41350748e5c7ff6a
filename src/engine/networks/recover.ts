import { rfc3339Nano } from '#lib/clock.ts'
import { invalid, messageOf } from '#lib/errors.ts'
import type { EndpointRecord, PublishedPort } from '#model/container.ts'
import type { IpamPool } from '#model/network.ts'
import type { LinkInfo } from '#ports/links.ts'
import { aliasOf, vethName } from './bridge-driver.ts'
import { membershipOf } from './balance/group.ts'
import { know } from './balance/know.ts'
import { enterGroup } from './balance/members.ts'
import { recoverVips, resumeClients } from './balance/recover.ts'
import { allShared } from './balance/shared-ports.ts'
import { groupOfLease } from './balance/state.ts'
import type { Context, LiveSandbox, StoredNetwork } from './context.ts'
import { Zone } from './dns/zone.ts'
import { elementsOf } from './egress/enforce.ts'
import { recoverEgress } from './egress/recover.ts'
import { sandboxFiles } from './files/sandbox-files.ts'
import { emptyElements } from './firewall/ruleset.ts'
import { formatAddress, formatCidr, parseAddress, parseCidr } from './ipam/address.ts'
import { hostClaims, networkClaims } from './ipam/claims.ts'
import { gatewayOf } from './ipam/ipam.ts'
import { forwardingGuards, turnOnForwarding } from './forwarding.ts'
import { choosePool4 } from './ipam/pools.ts'
import { defaultBridgeOptions } from './options.ts'
import { claimStatic } from './plan.ts'
import { networkOfHolder } from './parented/shim.ts'
import { portElements } from './publish.ts'
import { recoverRemote } from './remote/recover.ts'
import { announceNames, listenDns, refreshLinks } from './sandbox-dns.ts'
import type { SandboxOwner } from './service.ts'

export interface LiveContainer {
  owner: SandboxOwner
  sandboxPath: string
  endpoints: Record<string, EndpointRecord>
  ports: PublishedPort[]
  healthy?: boolean
}

export interface StoppedContainer {
  owner: SandboxOwner
  endpoints: Record<string, EndpointRecord>
}

/** What a start does, after a crash or not: brings the host to what the records say, then sweeps what has no record. */
export async function recover(
  ctx: Context,
  live: readonly LiveContainer[],
  stopped: readonly StoppedContainer[],
): Promise<void> {
  await turnOnForwarding(ctx, 4)
  ctx.hostMtu = ctx.mtu ?? (await mtuOfDefaultRoute(ctx))
  await builtinNetworks(ctx, live)
  for (const network of ctx.registry.all()) {
    ctx.ipam.add(network)
    ctx.zones.set(network.id, new Zone(network.name))
  }
  for (const container of live) adopt(ctx, container)
  for (const { owner } of stopped) know(ctx, owner)
  recoverRemote(ctx, new Set(live.map(container => container.owner.id)), stopped)
  recoverLeases(ctx, live, stopped)
  recoverVips(ctx)
  await recoverEgress(ctx)
  // The whole table in one transaction, before the bridges: flows of live containers go on through it.
  await ctx.filter.rebuild(wantedElements(ctx))
  await Promise.all(ctx.registry.all().map(network => bringBack(ctx, network)))
  resumeClients(ctx)
  await Promise.all([...ctx.live.values()].map(sandbox => resumeDns(ctx, sandbox)))
  await sweep(ctx)
}

/** Bytes; a bridge with a larger MTU than the way out hangs TLS (moby#22297). */
async function mtuOfDefaultRoute(ctx: Context): Promise<number> {
  const routes = await ctx.links.routes(4)
  const route = routes.find(one => one.destination === 'default' || one.destination === '0.0.0.0/0')
  const link = route && (await ctx.links.find(route.device))
  return link && link.mtu >= 576 ? Math.min(link.mtu, 1500) : 1500
}

async function builtinNetworks(ctx: Context, live: readonly LiveContainer[]): Promise<void> {
  for (const [name, driver] of [['host', 'host'] as const, ['none', 'null'] as const]) {
    if (!ctx.registry.byName(name)) ctx.registry.put(builtin(ctx, name, driver))
  }
  const known = ctx.registry.byName('bridge')
  const network = known ?? builtin(ctx, 'bridge', 'bridge')
  network.options = { ...defaultBridgeOptions(ctx.bridge, ctx.hostMtu), ...ctx.bridgeOptions }
  network.bridgeName = ctx.bridge
  const inUse = live.some(({ endpoints }) => Object.values(endpoints).some(one => one.networkId === network.id))
  if (ctx.pool !== undefined && !inUse) network.ipam.Config = [poolOfBridge(ctx.pool)]
  else if (network.ipam.Config.length === 0) {
    const host = await hostClaims(ctx)
    network.ipam.Config = [poolOfBridge(formatCidr(choosePool4([...networkClaims(ctx), ...host], ctx.addressPools)))]
  }
  ctx.registry.put(network)
}

/** As dockerd's `--bip`: an address with its prefix is the gateway's, a network's base leaves it the first address. */
function poolOfBridge(text: string): IpamPool {
  const parsed = parseCidr(text)
  if (parsed?.cidr.family !== 4) throw invalid(`invalid address of the default network "${text}": give an IPv4 CIDR`)
  const { cidr, address } = parsed
  const Subnet = formatCidr(cidr)
  return { Subnet, Gateway: address.value === cidr.base ? gatewayOf({ Subnet }) : formatAddress(address) }
}

function builtin(ctx: Context, name: string, driver: string): StoredNetwork {
  return {
    id: ctx.randomHex(32),
    name,
    created: rfc3339Nano(ctx.clock.nowNano()),
    driver,
    scope: 'local',
    enableIPv4: true,
    enableIPv6: false,
    internal: false,
    attachable: false,
    ingress: false,
    ipam: { Driver: 'default', Options: {}, Config: [] },
    options: {},
    labels: {},
    builtin: true,
    bridgeName: '',
    configuredSubnets: [],
  }
}

function adopt(ctx: Context, container: LiveContainer): void {
  const { owner, sandboxPath, ports } = container
  const endpoints = Object.values(container.endpoints).filter(endpoint => ctx.registry.byId(endpoint.networkId))
  const sandbox: LiveSandbox = {
    owner,
    sandboxId: sandboxPath.split('/').at(-1) ?? '',
    path: sandboxPath,
    endpoints: new Map(endpoints.map(endpoint => [endpoint.networkId, { ...endpoint }])),
    ports: ports.map(port => ({ ...port })),
    embeddedDns: false,
    links: new Map(),
    healthy: container.healthy ?? true,
    ready: true,
  }
  ctx.live.set(owner.id, sandbox)
  if (owner.links.length > 0) ctx.linking.add(sandbox)
  ctx.portTable.adopt(owner.id, ports, membershipOf(owner)?.key)
  enterGroup(ctx, sandbox, true)
}

function recoverLeases(ctx: Context, live: readonly LiveContainer[], stopped: readonly StoppedContainer[]): void {
  const running = new Set(live.map(container => container.owner.id))
  const existing = new Set([...running, ...stopped.map(container => container.owner.id)])
  // A dynamic lease of a stopped container is what a crash left between its end and the release.
  ctx.ipam.load(lease => {
    const group = groupOfLease(lease.containerId)
    if (group !== undefined) return ctx.balance.groups.has(group)
    const host = networkOfHolder(lease.containerId)
    if (host !== undefined) return ctx.registry.byId(host) !== undefined
    return lease.static ? existing.has(lease.containerId) : running.has(lease.containerId)
  })
  for (const { owner, endpoints } of [...live, ...stopped]) {
    const planned = new Set<string>()
    for (const endpoint of Object.values(endpoints)) {
      const network = ctx.registry.byId(endpoint.networkId)
      if (!network) continue
      planned.add(network.id)
      claimStatic(ctx, network, endpoint.request, owner.id)
    }
    ctx.planned.set(owner.id, planned)
    ctx.names.set(owner.id, owner.name)
  }
  for (const sandbox of ctx.live.values()) {
    for (const endpoint of sandbox.endpoints.values()) {
      for (const address of [endpoint.ipv4, endpoint.ipv6]) {
        const parsed = parseAddress(address)
        if (!parsed || !ctx.ipam.poolFor(endpoint.networkId, parsed)) continue
        try {
          ctx.ipam.reserve(endpoint.networkId, address, sandbox.owner.id, false)
        } catch (error) {
          ctx.log.error('two containers hold one address', { address, error: messageOf(error) })
        }
      }
    }
  }
}

function wantedElements(ctx: Context) {
  const elements = emptyElements()
  const wanted = [
    ...ctx.registry.all().flatMap(network => ctx.drivers.get(network.driver)?.elements(network) ?? []),
    ...[...ctx.live.values()].flatMap(sandbox => portElements(ctx, sandbox)),
    ...allShared(ctx),
    ...forwardingGuards(ctx),
    ...[...ctx.egress.limited.values()].flatMap(elementsOf),
  ]
  for (const { set, key, value = '' } of wanted) elements[set].set(key, value)
  return elements
}

/** One network that cannot be brought up must not keep the daemon from starting. */
async function bringBack(ctx: Context, network: StoredNetwork): Promise<void> {
  try {
    await ctx.drivers.get(network.driver)?.up(network)
  } catch (error) {
    if (network.builtin) throw error
    ctx.log.error('network not brought up', { network: network.name, error: messageOf(error) })
  }
}

async function resumeDns(ctx: Context, sandbox: LiveSandbox): Promise<void> {
  try {
    refreshLinks(ctx, sandbox)
    announceNames(ctx, sandbox)
    if ([...sandbox.endpoints.values()].some(one => ctx.registry.byId(one.networkId)?.driver === 'host')) return
    // A link whose target has gone makes no difference to whether names are served.
    const unlinked = { ...sandbox, owner: { ...sandbox.owner, links: [] } }
    sandbox.embeddedDns = (await sandboxFiles(ctx, unlinked)).embeddedDns
    if (sandbox.embeddedDns) await listenDns(ctx, sandbox)
  } catch (error) {
    ctx.log.error('resolver not resumed', { container: sandbox.owner.name, error: messageOf(error) })
  }
}

/** Interfaces by their alias, namespaces by their place under this daemon's exec-root: nobody else's is touched. */
async function sweep(ctx: Context): Promise<void> {
  const bridges = new Set(
    ctx.registry
      .all()
      .flatMap(network => [network.bridgeName, ...(ctx.drivers.get(network.driver)?.hostLinks?.(network) ?? [])]),
  )
  const veths = new Set(
    [...ctx.live.values()].flatMap(sandbox => [...sandbox.endpoints.values()].map(one => vethName(one.endpointId))),
  )
  const ours = (link: LinkInfo) => link.alias.startsWith(aliasOf(ctx.key, ''))
  for (const link of await ctx.links.list()) {
    if (!ours(link) || bridges.has(link.name) || veths.has(link.name)) continue
    ctx.log.info('sweeping an interface without owner', { interface: link.name })
    ctx.links.deleteLink(link.name)
  }
  const sandboxes = new Set([...ctx.live.values()].map(sandbox => sandbox.sandboxId))
  for (const id of ctx.sandboxes.list()) {
    if (sandboxes.has(id)) continue
    ctx.log.info('sweeping a namespace without owner', { sandbox: id })
    ctx.sandboxes.remove(id)
  }
}
