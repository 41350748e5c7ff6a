import type { EndpointRequest } from '#wire/index.ts'
import { CliError, defineCommand } from '../core/command.ts'

export const command = defineCommand({
  usage: '[OPTIONS] NETWORK CONTAINER',
  args: [2, 2],
  complete: 'network',
  flags: {
    alias: { type: 'strings', help: 'Add network-scoped alias for the container' },
    'driver-opt': { type: 'strings', help: 'driver options for the network' },
    'gw-priority': {
      type: 'int',
      help: 'Highest gw-priority provides the default gateway. Accepts positive and negative values.',
    },
    ip: { type: 'string', help: 'IPv4 address (e.g., "172.30.100.104")' },
    ip6: { type: 'string', help: 'IPv6 address (e.g., "2001:db8::33")' },
    link: { type: 'list', help: 'Add link to another container', complete: 'running-container' },
    'link-local-ip': { type: 'strings', help: 'Add a link-local address for the container' },
  },
  async run(context, { args, flags, changed }) {
    const [network, container] = args as [string, string]
    const endpoint: EndpointRequest = {
      IPAMConfig: {
        IPv4Address: flags.ip || undefined,
        IPv6Address: flags.ip6 || undefined,
        LinkLocalIPs: flags['link-local-ip'].length > 0 ? flags['link-local-ip'] : undefined,
      },
      Links: flags.link,
      Aliases: flags.alias,
      GwPriority: changed.has('gw-priority') ? flags['gw-priority'] : undefined,
    }
    for (const option of flags['driver-opt']) {
      const at = option.indexOf('=')
      if (at < 0) throw new CliError('invalid key/value pair format in driver options')
      ;(endpoint.DriverOpts ??= {})[option.slice(0, at)] = option.slice(at + 1)
    }
    await context.client.networks.connect(network, container, endpoint)
  },
})
