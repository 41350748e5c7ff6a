import { invalid } from '#lib/errors.ts'
import { formatAddress, parseAddress } from './ipam/address.ts'

const PREFIX = 'com.docker.network.'

/**
 * What a bridge network does for a family. `nat`: the outside sees the host's address, published ports lead in. `nat-unprotected`:
 * and a route to the containers' own addresses does too. `routed`: no translation; published ports are reached at the
 * container's address. `isolated`: the host has no address there.
 */
export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated'

const MODES: readonly string[] = ['nat', 'nat-unprotected', 'routed', 'isolated'] satisfies GatewayMode[]

/** Options of the bridge driver, read once. */
export interface BridgeOptions {
  name: string
  icc: boolean
  masquerade: boolean
  gatewayMode: Record<4 | 6, GatewayMode>
  /** Where ports without a host address are published. */
  hostBindingIpv4: string
  /** Bytes; undefined follows the host. */
  mtu: number | undefined
}

/** Options that Berth does not know are kept and shown, as Docker does. @throws invalid naming option and value */
export function bridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  const read = (key: string) => options[`${PREFIX}${key}`] ?? ''
  const flag = (key: string, standard: boolean) => {
    const text = read(key).toLowerCase()
    if (text === '') return standard
    if (['1', 't', 'true'].includes(text)) return true
    if (['0', 'f', 'false'].includes(text)) return false
    throw invalid(`invalid value for '${PREFIX}${key}': "${read(key)}" is not a boolean`)
  }
  const name = read('bridge.name')
  if (name !== '' && !/^[a-zA-Z0-9_.-]{1,15}$/.test(name)) {
    throw invalid(`invalid interface name "${name}": it must be 1 to 15 of [a-zA-Z0-9_.-]`)
  }
  const mtuText = read('driver.mtu')
  const mtu = mtuText === '' ? undefined : Number(mtuText)
  // The kernel refuses less than 68.
  if (mtu !== undefined && !(Number.isInteger(mtu) && (mtu === 0 || (mtu >= 68 && mtu <= 65_535)))) {
    throw invalid(`invalid value for '${PREFIX}driver.mtu': "${mtuText}" is not a number of bytes from 68 to 65535`)
  }
  const binding = read('bridge.host_binding_ipv4')
  const address = binding === '' ? undefined : parseAddress(binding)
  if (binding !== '' && address?.family !== 4) {
    throw invalid(`invalid value for '${PREFIX}bridge.host_binding_ipv4': "${binding}" is not an IPv4 address`)
  }
  const mode = (key: string): GatewayMode => {
    const text = read(key) || 'nat'
    if (MODES.includes(text)) return text as GatewayMode
    throw invalid(`invalid value for '${PREFIX}${key}': "${text}" is not a gateway mode: use ${MODES.join(', ')}`)
  }
  return {
    name,
    icc: flag('bridge.enable_icc', true),
    gatewayMode: { 4: mode('bridge.gateway_mode_ipv4'), 6: mode('bridge.gateway_mode_ipv6') },
    masquerade: flag('bridge.enable_ip_masquerade', true),
    hostBindingIpv4: address ? formatAddress(address) : '0.0.0.0',
    mtu: mtu === 0 ? undefined : mtu,
  }
}

/** Options of the default network as Docker shows them. */
export function defaultBridgeOptions(bridge: string, mtu: number): Record<string, string> {
  return {
    [`${PREFIX}bridge.default_bridge`]: 'true',
    [`${PREFIX}bridge.enable_icc`]: 'true',
    [`${PREFIX}bridge.enable_ip_masquerade`]: 'true',
    [`${PREFIX}bridge.host_binding_ipv4`]: '0.0.0.0',
    [`${PREFIX}bridge.name`]: bridge,
    [`${PREFIX}driver.mtu`]: String(mtu),
  }
}

/** `net.ipv4.conf.IFNAME.x=1,net.ipv6…` of an endpoint. @throws invalid */
export function endpointSysctls(options: Readonly<Record<string, string>> | null | undefined): Record<string, string> {
  const text = options?.[`${PREFIX}endpoint.sysctls`] ?? ''
  const sysctls: Record<string, string> = {}
  for (const entry of text.split(',').filter(part => part !== '')) {
    const match = /^(net\.(?:ipv4|ipv6|mpls)\.(?:conf|neigh)\.IFNAME\.[a-z0-9_]+)=(.*)$/.exec(entry)
    if (!match) throw invalid(`invalid sysctl "${entry}": it must be net.….IFNAME.NAME=VALUE`)
    sysctls[match[1]!] = match[2]!
  }
  return sysctls
}

/** Name that an endpoint's interface is to have inside; undefined leaves it to us. @throws invalid */
export function interfaceName(options: Readonly<Record<string, string>> | null | undefined): string | undefined {
  const name = options?.[`${PREFIX}endpoint.ifname`]
  if (name === undefined || name === '') return undefined
  if (
    !/^[a-zA-Z0-9_.-]{1,15}$/.test(name) ||
    name === 'lo' ||
    name === '.' ||
    name === '..' ||
    name === 'all' ||
    name === 'default'
  ) {
    throw invalid(`invalid interface name "${name}": it must be 1 to 15 of [a-zA-Z0-9_.-], and not lo`)
  }
  return name
}
