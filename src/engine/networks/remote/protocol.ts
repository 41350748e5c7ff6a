import { system } from '#lib/errors.ts'
import type { RouteSpec } from '#ports/links.ts'
import { parseAddress, parseCidr } from '../ipam/address.ts'

/** What the plugin may say of an endpoint's interface (libnetwork, remote driver API). */
export interface RemoteInterface {
  address: string
  address6: string
  mac: string
}

/** Where the interface is, and the ways that lead out by it. */
export interface RemoteJoin {
  source: string
  prefix: string
  /** A name for it that the plugin insists on; '' for prefix and number. */
  name: string
  gateway: string
  gateway6: string
  routes: RouteSpec[]
}

type Json = Record<string, unknown>
const CONNECTED = 1

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const objectOf = (value: unknown): Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Json) : {}

/** @throws system naming the plugin and what of its answer is wrong */
export function readInterface(plugin: string, answer: Json): RemoteInterface {
  const { Address, AddressIPv6, MacAddress } = objectOf(answer['Interface'])
  const read = { address: textOf(Address), address6: textOf(AddressIPv6), mac: textOf(MacAddress).toLowerCase() }
  for (const text of [read.address, read.address6]) {
    if (text !== '' && !parseCidr(text)) throw wrong(plugin, 'CreateEndpoint', `"${text}" is not an address`)
  }
  if (read.mac !== '' && !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(read.mac)) {
    throw wrong(plugin, 'CreateEndpoint', `"${read.mac}" is not a MAC address`)
  }
  return read
}

/** @throws system naming the plugin and what of its answer is wrong */
export function readJoin(plugin: string, answer: Json): RemoteJoin {
  const names = objectOf(answer['InterfaceName'])
  const join = {
    source: textOf(names['SrcName']),
    prefix: textOf(names['DstPrefix']) || 'eth',
    name: textOf(names['DstName']),
    gateway: textOf(answer['Gateway']),
    gateway6: textOf(answer['GatewayIPv6']),
  }
  if (join.source === '') throw wrong(plugin, 'Join', 'it names no interface (InterfaceName.SrcName)')
  for (const [text, family] of [[join.gateway, 4] as const, [join.gateway6, 6] as const]) {
    if (text !== '' && parseAddress(text)?.family !== family)
      throw wrong(plugin, 'Join', `gateway "${text}" is no IPv${family} address`)
  }
  const listed = Array.isArray(answer['StaticRoutes']) ? answer['StaticRoutes'] : []
  const routes = listed.map((entry: unknown): RouteSpec => {
    const { Destination, RouteType, NextHop } = objectOf(entry)
    const destination = textOf(Destination)
    const gateway = textOf(NextHop)
    if (!parseCidr(destination) || (gateway !== '' && !parseAddress(gateway))) {
      throw wrong(plugin, 'Join', `route ${destination} via ${gateway} makes no sense`)
    }
    return RouteType === CONNECTED || gateway === '' ? { destination, scope: 'link' } : { destination, gateway }
  })
  return { ...join, routes }
}

const wrong = (plugin: string, method: string, why: string) =>
  system(`plugin "${plugin}" answers NetworkDriver.${method} wrongly: ${why}`)
