import { defineCommand } from '../core/command.ts'

export const command = defineCommand({
  usage: '[OPTIONS] NETWORK CONTAINER',
  args: [2, 2],
  complete: 'network',
  flags: {
    force: { type: 'bool', short: 'f', help: 'Force the container to disconnect from a network' },
  },
  async run(context, { args, flags }) {
    const [network, container] = args as [string, string]
    await context.client.networks.disconnect(network, container, { force: flags.force })
  },
})
