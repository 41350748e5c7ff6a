import { invalid } from '#lib/errors.ts'
import type { EndpointRequest } from '#model/config.ts'
import { isIP, isIPv4, isIPv6, isMAC } from './addresses.ts'
import type { EndpointBody } from './container-schema.ts'
import { plainMap } from './schema.ts'

/** @throws invalid in Docker's words */
export function endpointRequest(network: string, body: EndpointBody | null | undefined): EndpointRequest {
  const request: EndpointRequest = {}
  if (!body) return request
  const { IPv4Address, IPv6Address, LinkLocalIPs } = body.IPAMConfig ?? {}
  const bad = (why: string) => invalid(`invalid endpoint settings of network ${network}: ${why}`)
  if (IPv4Address && !isIPv4(IPv4Address)) throw bad(`invalid IPv4 address: ${IPv4Address}`)
  if (IPv6Address && !isIPv6(IPv6Address)) throw bad(`invalid IPv6 address: ${IPv6Address}`)
  for (const address of LinkLocalIPs ?? []) if (!isIP(address)) throw bad(`invalid link-local IP address: ${address}`)
  if (body.MacAddress && !isMAC(body.MacAddress)) throw bad(`invalid MAC address: ${body.MacAddress}`)
  for (const alias of body.Aliases ?? []) {
    if (alias === '' || /[\s\0]/.test(alias)) throw bad(`invalid alias ${JSON.stringify(alias)}`)
  }
  if (body.IPAMConfig) {
    request.IPAMConfig = {
      ...(IPv4Address && { IPv4Address }),
      ...(IPv6Address && { IPv6Address }),
      ...(LinkLocalIPs?.length && { LinkLocalIPs }),
    }
  }
  if (body.Links) request.Links = body.Links
  if (body.Aliases) request.Aliases = body.Aliases
  if (body.MacAddress) request.MacAddress = body.MacAddress.toLowerCase().replaceAll('-', ':')
  if (body.DriverOpts) request.DriverOpts = plainMap(body.DriverOpts)
  if (body.GwPriority) request.GwPriority = body.GwPriority
  return request
}

/** Modes in which a container has no endpoints of its own choosing. */
function isSpecial(mode: string): boolean {
  return mode === 'host' || mode === 'none' || mode.startsWith('container:')
}

export interface EndpointInput {
  /** Normalised: never '' or `default`. */
  networkMode: string
  disabled: boolean
  /** `EndpointsConfig`; keys may be names or ids. */
  bodies: Record<string, EndpointBody | null>
  /** Legacy `Config.MacAddress`. */
  mac: string
  /** Minor API version. */
  version: number
  /** Name of a network by name or id; the reference itself when there is none. */
  nameOf: (reference: string) => string
}

/**
 * The attachments that `HostConfig.NetworkMode` and `NetworkingConfig.EndpointsConfig` ask for together, by network
 * name. @throws invalid when they contradict each other
 */
export function mergeEndpoints(input: EndpointInput): Record<string, EndpointRequest> {
  const { networkMode, disabled, bodies, mac, version, nameOf } = input
  if (mac !== '' && !isMAC(mac)) throw invalid(`invalid MAC address: ${mac}`)
  if (networkMode.startsWith('container:')) {
    if (mac !== '') throw invalid('conflicting options: mac-address and the network mode')
    if (Object.keys(bodies).some(key => key !== networkMode && key !== 'default'))
      throw invalid('conflicting options: cannot attach to a network in the container type network mode')
    return {}
  }
  if (disabled) return {}
  const main = nameOf(networkMode)
  const endpoints: Record<string, EndpointRequest> = { [main]: {} }
  for (const [key, body] of Object.entries(bodies)) {
    const name = nameOf(key === 'default' ? 'bridge' : key)
    if (name !== main && (isSpecial(main) || isSpecial(name))) {
      throw invalid('conflicting options: cannot attach both user-defined and non-user-defined network-modes')
    }
    if (name !== main && name in endpoints) throw invalid(`network ${name} is given twice in EndpointsConfig`)
    endpoints[name] = endpointRequest(name, body)
  }
  if (version < 44 && Object.keys(endpoints).length > 1) {
    throw invalid(`Container cannot be connected to network endpoints: ${Object.keys(bodies).join(', ')}`)
  }
  if (mac !== '') {
    const own = endpoints[main]!
    const wanted = mac.toLowerCase().replaceAll('-', ':')
    if (networkMode === 'host') throw invalid('conflicting options: mac-address and the network mode')
    if (own.MacAddress && own.MacAddress !== wanted) {
      throw invalid(
        'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
      )
    }
    own.MacAddress = wanted
  }
  return endpoints
}
