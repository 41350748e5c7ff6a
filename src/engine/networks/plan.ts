import { invalid } from '#lib/errors.ts'
import type { EndpointRequest } from '#model/config.ts'
import type { EndpointRecord } from '#model/container.ts'
import { checkBalancing } from './balance/group.ts'
import { know } from './balance/know.ts'
import type { Context, StoredNetwork } from './context.ts'
import { checkOwner } from './egress/policies.ts'
import { detachedEndpoint, inOrder } from './endpoint.ts'
import { extraHostLines } from './files/hosts.ts'
import { contains, formatAddress, parseAddress, parseCidr } from './ipam/address.ts'
import { parseLinks } from './links.ts'
import { checkMac } from './mac.ts'
import { networkNameOf } from './names.ts'
import { endpointSysctls, interfaceName } from './options.ts'
import { parseWishes } from './ports/wishes.ts'
import type { SandboxOwner } from './service.ts'

/** Checks all of it first, then keeps the static addresses. */
export function planEndpoints(
  ctx: Context,
  owner: SandboxOwner,
  requests: Readonly<Record<string, EndpointRequest>>,
): Record<string, EndpointRecord> {
  parseWishes(owner)
  checkBalancing(owner)
  extraHostLines(owner.extraHosts, '0.0.0.0')
  parseLinks(owner.links)
  for (const server of owner.dns) if (!parseAddress(server)) throw invalid(`invalid IP address: ${server}`)

  const wanted = Object.entries(requests).map(([reference, request]) => {
    const network = ctx.registry.resolve(networkNameOf(reference))
    checkRequest(ctx, network, request)
    return { network, request }
  })
  checkTogether(wanted.map(one => one.network))
  checkInterfaces(wanted.map(one => one.request))
  checkOwner(
    owner,
    wanted.map(one => one.network),
  )
  for (const { network, request } of wanted) claimStatic(ctx, network, request, owner.id)

  const endpoints = inOrder(wanted.map(({ network, request }) => detachedEndpoint(network, owner, request)))
  ctx.planned.set(owner.id, new Set(endpoints.map(endpoint => endpoint.networkId)))
  ctx.names.set(owner.id, owner.name)
  know(ctx, owner)
  return Object.fromEntries(endpoints.map(endpoint => [endpoint.networkName, endpoint]))
}

export function claimStatic(ctx: Context, network: StoredNetwork, request: EndpointRequest, containerId: string): void {
  for (const text of [request.IPAMConfig?.IPv4Address, request.IPAMConfig?.IPv6Address]) {
    if (text) ctx.ipam.claim(network.id, text, containerId)
  }
  if (request.MacAddress) ctx.macs.claim(network.id, request.MacAddress, containerId)
}

/** @throws invalid when two attachments want one interface name */
export function checkInterfaces(requests: readonly EndpointRequest[]): void {
  const names = requests.flatMap(request => interfaceName(request.DriverOpts) ?? [])
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw invalid(`two networks are to have the interface name ${twice}`)
}

/** Modes that stand alone. @throws invalid in Docker's words */
export function checkTogether(networks: readonly StoredNetwork[]): void {
  const ids = new Set(networks.map(network => network.id))
  if (ids.size < networks.length) throw invalid('a network is named twice: once by name and once by id')
  if (networks.length < 2) return
  if (networks.some(network => network.driver === 'null')) {
    throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode')
  }
  if (networks.some(network => network.driver === 'host')) {
    throw invalid('container cannot be disconnected from host network or connected to host network')
  }
}

/** One attachment on its own. @throws invalid in Docker's words */
export function checkRequest(ctx: Context, network: StoredNetwork, request: EndpointRequest): void {
  const fail = (why: string) => {
    throw invalid(`invalid config for network ${network.name}: ${why}`)
  }
  const { IPv4Address: v4, IPv6Address: v6, LinkLocalIPs } = request.IPAMConfig ?? {}
  if (request.MacAddress) checkMac(request.MacAddress)
  endpointSysctls(request.DriverOpts)
  interfaceName(request.DriverOpts)
  parseLinks(request.Links ?? [])
  const mistakes: string[] = []
  for (const [text, family] of [[v4, 4] as const, [v6, 6] as const]) {
    if (text && parseAddress(text)?.family !== family) mistakes.push(`invalid IPv${family} address: ${text}`)
  }
  for (const text of LinkLocalIPs ?? []) {
    if (!parseAddress(text)) mistakes.push(`invalid link-local IP address: ${text}`)
  }
  for (const alias of request.Aliases ?? []) {
    if (alias === '' || /\s/.test(alias)) mistakes.push(`invalid alias ${JSON.stringify(alias)}`)
  }
  if (network.builtin) {
    if (v4 || v6) throw invalid('user specified IP address is supported on user defined networks only')
    if ((request.Aliases ?? []).length > 0) {
      throw invalid('network-scoped aliases are only supported for user-defined networks')
    }
  } else if (mistakes.length === 0) {
    for (const text of [v4, v6]) if (text) mistakes.push(...staticMistake(ctx, network, text))
  }
  if (mistakes.length > 0) fail(`invalid endpoint settings:\n${mistakes.join('\n')}`)
}

function staticMistake(ctx: Context, network: StoredNetwork, text: string): string[] {
  const address = parseAddress(text)!
  const configured = network.configuredSubnets
    .map(subnet => parseCidr(subnet)!.cidr)
    .filter(cidr => cidr.family === address.family)
  if (configured.length === 0) {
    return ['user specified IP address is supported only when connecting to networks with user configured subnets']
  }
  if (!configured.some(cidr => contains(cidr, address))) {
    return [`no configured subnet contains IP address ${formatAddress(address)}`]
  }
  const pool = ctx.ipam.poolFor(network.id, address)
  if (!pool) return [`IPv${address.family} is not enabled on network ${network.name}`]
  const reason = pool.reserved.get(address.value)
  return reason ? [`Address already in use: ${formatAddress(address)} is the ${reason}`] : []
}
