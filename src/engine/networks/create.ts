import { rfc3339Nano } from '#lib/clock.ts'
import { conflict, forbidden, invalid, notFound, notImplemented, unavailable } from '#lib/errors.ts'
import { Rollback } from '#lib/rollback.ts'
import type { IpamPool } from '#model/network.ts'
import type { Context, StoredNetwork } from './context.ts'
import { Zone } from './dns/zone.ts'
import type { NetworkDriver } from './driver.ts'
import { checkNetworkPolicy } from './egress/policies.ts'
import { networkEvent } from './events.ts'
import { formatAddress, formatCidr, parseAddress, parseCidr } from './ipam/address.ts'
import { hostClaims, networkClaims } from './ipam/claims.ts'
import { gatewayOf } from './ipam/ipam.ts'
import { choosePool4, choosePool6, clashOf } from './ipam/pools.ts'
import type { Claim } from './ipam/pools.ts'
import { validateIpam } from './ipam/validate.ts'
import { checkNetworkName } from './names.ts'
import { isRemoteIpam, requestPools } from './remote/ipam.ts'
import type { RemotePools } from './remote/ipam.ts'
import type { CreateNetwork } from './service.ts'

export async function createNetwork(
  ctx: Context,
  request: CreateNetwork,
): Promise<{ network: StoredNetwork; warning: string }> {
  checkNetworkName(request.name)
  if (ctx.registry.byName(request.name)) throw conflict(`network with name ${request.name} already exists`)
  const driver = driverFor(ctx, request.driver || 'bridge')
  validate(request, driver)

  const id = ctx.randomHex(32)
  const bridgeName = await driver.interfaceFor(id, request)
  const host = await hostClaims(ctx)
  const rollback = new Rollback((step, error) => ctx.log.warn('undo failed', { step, error: String(error) }))
  try {
    const remote = isRemoteIpam(request.ipam.Driver) ? await requestPools(ctx, request, rollback) : undefined
    return await register(ctx, request, driver, { id, bridgeName, host, remote })
  } catch (error) {
    await rollback.run()
    throw error
  }
}

async function register(
  ctx: Context,
  request: CreateNetwork,
  driver: NetworkDriver,
  parts: { id: string; bridgeName: string; host: readonly Claim[]; remote: RemotePools | undefined },
): Promise<{ network: StoredNetwork; warning: string }> {
  const { id, bridgeName, host, remote } = parts
  // No await from here until the network is registered: another create may have come between.
  if (ctx.registry.byName(request.name)) throw conflict(`network with name ${request.name} already exists`)
  const network: StoredNetwork = {
    id,
    name: request.name,
    created: rfc3339Nano(ctx.clock.nowNano()),
    driver: driver.name,
    scope: 'local',
    enableIPv4: request.enableIPv4,
    enableIPv6: request.enableIPv6,
    internal: request.internal,
    attachable: request.attachable,
    ingress: false,
    ipam: {
      Driver: request.ipam.Driver || 'default',
      Options: request.ipam.Options,
      Config: remote?.config ?? subnets(ctx, request, host),
    },
    options: request.options,
    labels: request.labels,
    builtin: false,
    bridgeName,
    configuredSubnets: request.ipam.Config.map(pool => pool.Subnet).filter(Boolean),
    ...(remote && { remotePools: remote.pools }),
  }
  await bringUp(ctx, network, driver)
  networkEvent(ctx, 'create', network)
  return { network, warning: coveredRoutes(network, host) }
}

/** Registers the network, then makes it on the host; a failure leaves nothing. */
export async function bringUp(ctx: Context, network: StoredNetwork, driver: NetworkDriver): Promise<void> {
  const rollback = new Rollback((step, error) => ctx.log.warn('undo failed', { step, error: String(error) }))
  try {
    ctx.registry.put(network)
    rollback.add('forget the network', () => ctx.registry.delete(network.id))
    ctx.ipam.add(network)
    rollback.add('forget its addresses', () => ctx.ipam.remove(network.id))
    ctx.zones.set(network.id, new Zone(network.name))
    rollback.add('forget its names', () => ctx.zones.delete(network.id))
    rollback.add('take it down', () => driver.down(network))
    const elements = driver.elements(network)
    rollback.add('take it out of the packet filter', () => ctx.filter.change(elements, []))
    // The filter first: a bridge must not be up for a moment without its isolation.
    await ctx.filter.change([], elements)
    await driver.up(network)
    await driver.created?.(network)
  } catch (error) {
    await rollback.run()
    throw error
  }
}

function driverFor(ctx: Context, name: string): NetworkDriver {
  const driver = ctx.drivers.get(name === 'none' ? 'null' : name)
  if (driver) return driver
  // Docker's words, and true here too: it spans machines.
  if (name === 'overlay') {
    throw unavailable(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    )
  }
  throw notFound(`could not find network driver "${name}": plugin "${name}" not found`)
}

function validate(request: CreateNetwork, driver: NetworkDriver): void {
  driver.validate(request)
  checkNetworkPolicy(driver.name, request.options)
  if (request.ingress) throw notImplemented('ingress networks need a swarm, which is not implemented yet')
  if (!request.enableIPv4 && !request.enableIPv6) throw invalid('IPv4 or IPv6 must be enabled')
  // A plugin may choose the subnet for what is asked for without one.
  const given = request.ipam.Config.filter(pool => pool.Subnet || !isRemoteIpam(request.ipam.Driver))
  validateIpam(given, request.enableIPv6)
  for (const [key, value] of Object.entries(request.labels)) {
    if (key === '') throw invalid(`invalid label "=${value}": empty name`)
  }
}

/** The subnets as stored: the user's own, completed with gateways, or chosen from the default pools. */
function subnets(ctx: Context, request: CreateNetwork, host: readonly Claim[]): IpamPool[] {
  const pools: IpamPool[] = []
  const networks = networkClaims(ctx)
  for (const pool of request.ipam.Config) {
    const { cidr } = parseCidr(pool.Subnet)!
    const used = cidr.family === 4 ? request.enableIPv4 : request.enableIPv6
    if (used) {
      const clash = clashOf(cidr, networks)
      if (clash) {
        throw forbidden(
          `invalid pool request: Pool overlaps with other one on this address space: ${pool.Subnet} overlaps ${formatCidr(clash.cidr)} of ${clash.holder}`,
        )
      }
    }
    pools.push({
      Subnet: formatCidr(cidr),
      ...(pool.IPRange && { IPRange: pool.IPRange }),
      Gateway: gatewayOf(pool),
      ...(pool.AuxiliaryAddresses && {
        AuxiliaryAddresses: Object.fromEntries(
          Object.entries(pool.AuxiliaryAddresses).map(([name, text]) => [name, formatAddress(parseAddress(text)!)]),
        ),
      }),
    })
  }
  const has = (family: 4 | 6) => pools.some(pool => pool.Subnet.includes(':') === (family === 6))
  const held = [...networks, ...host]
  if (request.enableIPv4 && !has(4)) pools.push(poolOf(formatCidr(choosePool4(held, ctx.addressPools))))
  if (request.enableIPv6 && !has(6)) pools.push(poolOf(formatCidr(choosePool6(held, globalId(ctx)))))
  return pools
}

/** Docker allows a bridge's subnet that the host routes elsewhere; what was reached there no longer is. */
function coveredRoutes(network: StoredNetwork, host: readonly Claim[]): string {
  if (network.bridgeName === '') return ''
  const covered = network.configuredSubnets.flatMap(text => {
    const clash = clashOf(parseCidr(text)!.cidr, host)
    return clash ? [`${text} covers ${clash.holder} of the host`] : []
  })
  return covered.length > 0 ? `the subnet ${covered.join(', ')}: addresses there may no longer be reached` : ''
}

const poolOf = (subnet: string): IpamPool => ({ Subnet: subnet, Gateway: gatewayOf({ Subnet: subnet }) })

/** Ten hex digits that tell this daemon's unique local range from others': its first network's id is random and kept. */
const globalId = (ctx: Context): string => (ctx.registry.all()[0]?.id ?? ctx.randomHex(5)).slice(0, 10)
