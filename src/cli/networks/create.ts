import { EGRESS_KEY } from '#model/egress.ts'
import type { IpamConfigJson, NetworkCreateRequest } from '#wire/index.ts'
import { CliError, defineCommand } from '../core/command.ts'
import { toMap } from '../containers/options/files.ts'
import { contains } from './cidr.ts'

export const command = defineCommand({
  usage: '[OPTIONS] NETWORK',
  args: [1, 1],
  flags: {
    attachable: { type: 'bool', help: 'Enable manual container attachment' },
    'aux-address': { type: 'map', help: 'Auxiliary IPv4 or IPv6 addresses used by Network driver' },
    'config-from': { type: 'string', help: 'The network from which to copy the configuration' },
    'config-only': { type: 'bool', help: 'Create a configuration only network' },
    driver: {
      type: 'string',
      short: 'd',
      default: 'bridge',
      help: 'Driver to manage the Network',
      complete: ['bridge', 'host', 'none', 'macvlan', 'ipvlan', 'overlay'],
    },
    egress: { type: 'string', help: 'What containers may reach outside ("allow=api.example.com:443,10.0.0.0/8")' },
    gateway: { type: 'strings', help: 'IPv4 or IPv6 Gateway for the master subnet' },
    ingress: { type: 'bool', help: 'Create swarm routing-mesh network' },
    internal: { type: 'bool', help: 'Restrict external access to the network' },
    'ip-range': { type: 'strings', help: 'Allocate container ip from a sub-range' },
    'ipam-driver': { type: 'string', default: 'default', help: 'IP Address Management Driver' },
    'ipam-opt': { type: 'map', help: 'Set IPAM driver specific options' },
    ipv4: { type: 'bool', default: true, help: 'Enable or disable IPv4 address assignment' },
    ipv6: { type: 'bool', help: 'Enable or disable IPv6 address assignment' },
    label: { type: 'list', help: 'Set metadata on a network' },
    opt: { type: 'map', short: 'o', help: 'Set driver specific options' },
    scope: { type: 'string', help: "Control the network's scope" },
    subnet: { type: 'strings', help: 'Subnet in CIDR format that represents a network segment' },
  },
  async run(context, { args, flags, changed }) {
    const request: NetworkCreateRequest = {
      Name: args[0]!,
      Driver: flags.driver,
      Scope: flags.scope || undefined,
      Internal: flags.internal,
      Attachable: flags.attachable,
      Ingress: flags.ingress,
      ConfigOnly: flags['config-only'],
      ConfigFrom: flags['config-from'] ? { Network: flags['config-from'] } : undefined,
      IPAM: {
        Driver: flags['ipam-driver'],
        Options: flags['ipam-opt'],
        Config: ipamConfig(flags.subnet, flags['ip-range'], flags.gateway, flags['aux-address']),
      },
      EnableIPv4: changed.has('ipv4') ? flags.ipv4 : undefined,
      EnableIPv6: changed.has('ipv6') ? flags.ipv6 : undefined,
      Options: changed.has('egress') ? { ...flags.opt, [EGRESS_KEY]: flags.egress } : flags.opt,
      Labels: toMap(flags.label),
    }
    const { Id, Warning } = await context.client.networks.create(request)
    if (Warning) context.warn(`WARNING: ${Warning}`)
    context.print(Id)
  },
})

/** Assigns ranges, gateways and reserved addresses to the subnet that contains each. @throws CliError */
export function ipamConfig(
  subnets: readonly string[],
  ranges: readonly string[],
  gateways: readonly string[],
  reserved: Readonly<Record<string, string>>,
): IpamConfigJson[] {
  if (subnets.length < ranges.length || subnets.length < gateways.length) {
    throw new CliError('every ip-range or gateway must have a corresponding subnet')
  }
  const configs = subnets.map((subnet): IpamConfigJson => ({ Subnet: subnet }))
  for (const [i, { Subnet }] of configs.entries()) {
    const other = configs.slice(0, i).find(config => overlap(config.Subnet!, Subnet!))
    if (other) throw new CliError('multiple overlapping subnet configuration is not supported')
  }
  const owner = (address: string) => configs.find(({ Subnet }) => contains(Subnet!, address.replace(/\/\d+$/, '')))
  for (const range of ranges) {
    const config = owner(range)
    if (!config) throw new CliError(`no matching subnet for range ${range}`)
    if (config.IPRange)
      throw new CliError(
        `cannot configure multiple ranges (${range}, ${config.IPRange}) on the same subnet (${config.Subnet})`,
      )
    config.IPRange = range
  }
  for (const gateway of gateways) {
    const config = owner(gateway)
    if (!config) throw new CliError(`no matching subnet for gateway ${gateway}`)
    if (config.Gateway)
      throw new CliError(
        `cannot configure multiple gateways (${gateway}, ${config.Gateway}) for the same subnet (${config.Subnet})`,
      )
    config.Gateway = gateway
  }
  for (const [name, address] of Object.entries(reserved)) {
    const config = owner(address)
    if (!config) throw new CliError(`no matching subnet for aux-address ${address}`)
    ;(config.AuxiliaryAddresses ??= {})[name] = address
  }
  return configs
}

function overlap(a: string, b: string): boolean {
  const address = (cidr: string) => cidr.replace(/\/\d+$/, '')
  return contains(a, address(b)) || contains(b, address(a))
}
