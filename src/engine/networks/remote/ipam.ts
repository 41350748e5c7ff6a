import { BerthError, isKind, notFound, system, unavailable } from '#lib/errors.ts'
import type { Rollback } from '#lib/rollback.ts'
import type { IpamPool } from '#model/network.ts'
import { pluginName } from '#ports/plugins.ts'
import type { Context, StoredNetwork } from '../context.ts'
import { formatAddress, formatCidr, parseAddress, parseCidr } from '../ipam/address.ts'
import type { Family } from '../ipam/address.ts'
import { clashOf } from '../ipam/pools.ts'
import { networkClaims } from '../ipam/claims.ts'
import type { CreateNetwork } from '../service.ts'

/** A pool that a plugin keeps. */
export interface RemotePool {
  subnet: string
  id: string
  /** Whether the plugin wants to know the MAC of who gets an address. */
  wantsMac: boolean
}

export interface RemotePools {
  config: IpamPool[]
  pools: RemotePool[]
}

const GATEWAY = 'com.docker.network.gateway'
const ADDRESS_TYPE = 'RequestAddressType'

/** Whether addresses are a plugin's to give. */
export const isRemoteIpam = (driver: string): boolean => driver !== '' && driver !== 'default'

/** Asks the plugin for a pool for each that is wished, and for its gateway; given back by the rollback. */
export async function requestPools(
  ctx: Context,
  request: CreateNetwork,
  rollback: Pick<Rollback, 'add'>,
): Promise<RemotePools> {
  const plugin = request.ipam.Driver
  const space = await addressSpace(ctx, plugin)
  const capabilities = await call(ctx, plugin, 'GetCapabilities', {}).catch((error: unknown) => {
    // Older ones do not know the question.
    if (error instanceof BerthError && error.details['status'] === 404) return {} as Record<string, unknown>
    throw error
  })
  const wantsMac = capabilities['RequiresMACAddress'] === true
  const found: RemotePools = { config: [], pools: [] }
  for (const wish of wishes(request)) {
    const answer = await call(ctx, plugin, 'RequestPool', {
      AddressSpace: space,
      Pool: wish.config.Subnet,
      SubPool: wish.config.IPRange ?? '',
      Options: request.ipam.Options,
      V6: wish.family === 6,
    })
    const id = answer['PoolID']
    const subnet = parseCidr(typeof answer['Pool'] === 'string' ? answer['Pool'] : '')?.cidr
    if (typeof id !== 'string' || id === '' || subnet?.family !== wish.family) {
      throw system(
        `IPAM plugin "${pluginName(plugin)}" answers RequestPool without a PoolID or an IPv${wish.family} Pool`,
      )
    }
    rollback.add('give the pool back', () => call(ctx, plugin, 'ReleasePool', { PoolID: id }))
    const text = formatCidr(subnet)
    const clash = clashOf(subnet, networkClaims(ctx))
    if (clash)
      throw unavailable(`IPAM plugin "${pluginName(plugin)}" gives pool ${text}, which overlaps ${clash.holder}`)
    const data = answer['Data'] as Record<string, unknown> | undefined
    const offered = data?.[GATEWAY]
    const gateway =
      typeof offered === 'string' && parseCidr(offered)
        ? formatAddress(parseCidr(offered)!.address)
        : await requestAddress(ctx, plugin, id, wish.config.Gateway ?? '', { [ADDRESS_TYPE]: GATEWAY })
    for (const aux of Object.values(wish.config.AuxiliaryAddresses ?? {}))
      await requestAddress(ctx, plugin, id, aux, {})
    const { Subnet: _subnet, Gateway: _gateway, ...rest } = wish.config
    found.config.push({ Subnet: text, Gateway: gateway, ...rest })
    found.pools.push({ subnet: text, id, wantsMac })
  }
  return found
}

/** One wish a configured pool, and one for each family that has none. */
function wishes(request: CreateNetwork): { family: Family; config: IpamPool }[] {
  const familyOf = ({ Subnet, Gateway }: IpamPool): Family => ((Subnet || Gateway || '').includes(':') ? 6 : 4)
  const all = request.ipam.Config.map(config => ({
    family: familyOf(config),
    config: { ...config, Subnet: config.Subnet ?? '' },
  }))
  for (const [family, enabled] of [[4, request.enableIPv4] as const, [6, request.enableIPv6] as const]) {
    if (enabled && !all.some(wish => wish.family === family)) all.push({ family, config: { Subnet: '' } })
  }
  return all.filter(wish => (wish.family === 4 ? request.enableIPv4 : request.enableIPv6))
}

async function addressSpace(ctx: Context, plugin: string): Promise<string> {
  const name = pluginName(plugin)
  const implemented = await ctx.plugins.activate(plugin).catch((error: unknown) => {
    if (!isKind(error, 'not-found')) throw error
    throw notFound(`error looking up IPAM plugin "${name}": plugin not found`, { cause: error })
  })
  if (!implemented.includes('IpamDriver')) {
    throw notFound(`error looking up IPAM plugin "${name}": it implements ${implemented.join(', ') || 'nothing'}`)
  }
  const { LocalDefaultAddressSpace } = await call(ctx, plugin, 'GetDefaultAddressSpaces', {})
  return typeof LocalDefaultAddressSpace === 'string' ? LocalDefaultAddressSpace : ''
}

/** An address for an endpoint. @throws what the plugin says */
export async function leaseRemote(
  ctx: Context,
  network: StoredNetwork,
  family: Family,
  holder: { containerId: string; mac: string },
  wanted: string | undefined,
): Promise<string> {
  const plugin = network.ipam.Driver
  // It may be on its way back to the plugin.
  if (wanted) await ctx.draining.get(`${network.id}/${wanted}`)
  const pool = poolFor(network, family, wanted)
  const options: Record<string, string> =
    pool.wantsMac && holder.mac ? { 'com.docker.network.endpoint.macaddress': holder.mac } : {}
  const address = await requestAddress(ctx, plugin, pool.id, wanted ?? '', options)
  try {
    return ctx.ipam.reserve(network.id, address, holder.containerId, wanted !== undefined)
  } catch (error) {
    await releaseRemote(ctx, network, address)
    throw error
  }
}

/** Never throws: who goes does not care. */
export async function releaseRemote(ctx: Context, network: StoredNetwork, address: string): Promise<void> {
  const parsed = parseAddress(address)
  if (!network.remotePools || !parsed) return
  try {
    const { id } = poolFor(network, parsed.family, address)
    await call(ctx, network.ipam.Driver, 'ReleaseAddress', { PoolID: id, Address: address })
  } catch (error) {
    ctx.log.warn('address not given back to its plugin', { network: network.name, address, error: String(error) })
  }
}

/** Never throws: a plugin that is gone must not keep its networks from being removed. */
export async function releasePools(ctx: Context, network: StoredNetwork): Promise<void> {
  const plugin = network.ipam.Driver
  for (const { id, subnet } of network.remotePools ?? []) {
    try {
      const gateway = network.ipam.Config.find(pool => pool.Subnet === subnet)?.Gateway
      if (gateway) await call(ctx, plugin, 'ReleaseAddress', { PoolID: id, Address: gateway })
      await call(ctx, plugin, 'ReleasePool', { PoolID: id })
    } catch (error) {
      ctx.log.warn('pool not given back to its plugin', { network: network.name, subnet, error: String(error) })
    }
  }
}

function poolFor(network: StoredNetwork, family: Family, address: string | undefined): RemotePool {
  const wanted = address === undefined ? undefined : parseAddress(address)
  const pools = (network.remotePools ?? []).filter(pool => pool.subnet.includes(':') === (family === 6))
  const at =
    wanted &&
    pools.find(({ subnet }) => {
      const { cidr } = parseCidr(subnet)!
      const bits = BigInt((family === 4 ? 32 : 128) - cidr.prefix)
      return wanted.value >> bits === cidr.base >> bits
    })
  const pool = at ?? pools[0]
  if (!pool) throw system(`network ${network.name} has no IPv${family} pool of plugin "${network.ipam.Driver}"`)
  return pool
}

async function requestAddress(
  ctx: Context,
  plugin: string,
  PoolID: string,
  Address: string,
  Options: Record<string, string>,
): Promise<string> {
  const answer = await call(ctx, plugin, 'RequestAddress', { PoolID, Address, Options })
  const parsed = parseCidr(typeof answer['Address'] === 'string' ? answer['Address'] : '')
  if (parsed) return formatAddress(parsed.address)
  throw system(`IPAM plugin "${pluginName(plugin)}" answers RequestAddress without an address in CIDR`)
}

const call = (ctx: Context, plugin: string, method: string, body: object) =>
  ctx.plugins.call(plugin, `IpamDriver.${method}`, body)
