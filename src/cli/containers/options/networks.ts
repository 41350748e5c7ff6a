import type { EndpointRequest } from '#wire/index.ts'
import { CliError } from '../../core/command.ts'
import { parseCsv, parseInteger } from '../../core/values.ts'
import { checkMac } from './checks.ts'

export interface NetworkOption {
  name: string
  endpoint: EndpointRequest
}

export function checkNetwork(text: string): string {
  parseNetwork(text)
  return text
}

/** `NAME` or `name=NAME,alias=a,ip=…,ip6=…,mac-address=…,link-local-ip=…,driver-opt=k=v,gw-priority=n`. */
export function parseNetwork(text: string): NetworkOption {
  if (!/(^|,)\s*name=/.test(text)) {
    if (text.includes(',') || /^\w[\w-]*=/.test(text)) {
      const key = text.split('=')[0]!
      throw new Error(text.includes('=') ? `network name/id is not specified (found ${key}=)` : `invalid field ${text}`)
    }
    return { name: text, endpoint: {} }
  }
  let name = ''
  const endpoint: EndpointRequest = {}
  for (const field of parseCsv(text)) {
    const at = field.indexOf('=')
    if (at < 0) throw new Error(`invalid field ${field}`)
    const key = field.slice(0, at).trim().toLowerCase()
    const value = field.slice(at + 1).trim()
    const ipam = () => (endpoint.IPAMConfig ??= {})!
    if (key === 'name') name = value
    else if (key === 'alias') (endpoint.Aliases ??= []).push(value)
    else if (key === 'ip') ipam().IPv4Address = value
    else if (key === 'ip6') ipam().IPv6Address = value
    else if (key === 'link-local-ip') (ipam().LinkLocalIPs ??= []).push(value)
    else if (key === 'mac-address') endpoint.MacAddress = checkMac(value)
    else if (key === 'gw-priority') endpoint.GwPriority = parseInteger(value)
    else if (key === 'driver-opt') {
      const split = value.indexOf('=')
      if (split < 0) throw new Error('invalid key value pair format in driver options')
      ;(endpoint.DriverOpts ??= {})[value.slice(0, split)] = value.slice(split + 1)
    } else throw new Error(`invalid field key ${key}`)
  }
  if (name === '') throw new Error('network name/id is not specified')
  return { name, endpoint }
}

export interface LooseNetworkFlags {
  aliases: string[]
  ip: string
  ip6: string
  linkLocal: string[]
  mac: string
  links: string[]
}

const isUserDefined = (name: string) => !/^(default|bridge|host|none|container:.*)$/.test(name)

/**
 * The networks to attach to, the first being the container's mode; the single flags (`--ip`, `--network-alias` …)
 * belong to the first.
 */
export function networkPlan(
  values: readonly string[],
  loose: LooseNetworkFlags,
): { mode: string; endpoints: Record<string, EndpointRequest> } {
  const networks = values.map(parseNetwork)
  const first = networks[0] ?? { name: 'default', endpoint: {} }
  const named = networks.map(network => network.name)
  for (const [i, name] of named.entries()) {
    if (named.indexOf(name) !== i) {
      throw new CliError(`network ${JSON.stringify(name)} is specified multiple times`, 125)
    }
    if (named.length > 1 && !isUserDefined(name) && name !== 'bridge' && name !== 'default') {
      throw new CliError('conflicting options: cannot attach both user-defined and non-user-defined network-modes', 125)
    }
  }
  merge(first.endpoint, loose, isUserDefined(first.name))
  const endpoints: Record<string, EndpointRequest> = {}
  for (const { name, endpoint } of networks.length > 0 ? networks : [first]) {
    if (isUserDefined(name) || named.length > 1 || Object.keys(endpoint).length > 0) endpoints[name] = endpoint
  }
  return { mode: first.name, endpoints }
}

function merge(endpoint: EndpointRequest, loose: LooseNetworkFlags, userDefined: boolean): void {
  const clash = (what: string) =>
    new CliError(`conflicting options: cannot specify both --${what} and per-network ${what}`, 125)
  if (loose.aliases.length > 0) {
    if (endpoint.Aliases?.length) throw clash('network-alias')
    endpoint.Aliases = loose.aliases
  }
  if (userDefined && loose.links.length > 0) endpoint.Links = loose.links
  if (loose.ip !== '' || loose.ip6 !== '' || loose.linkLocal.length > 0) {
    const ipam = (endpoint.IPAMConfig ??= {})
    if (loose.ip !== '') {
      if (ipam.IPv4Address) throw clash('ip')
      ipam.IPv4Address = loose.ip
    }
    if (loose.ip6 !== '') {
      if (ipam.IPv6Address) throw clash('ip6')
      ipam.IPv6Address = loose.ip6
    }
    if (loose.linkLocal.length > 0) ipam.LinkLocalIPs = loose.linkLocal
  }
  if (loose.mac !== '') {
    if (endpoint.MacAddress) throw clash('mac-address')
    endpoint.MacAddress = loose.mac
  }
}
