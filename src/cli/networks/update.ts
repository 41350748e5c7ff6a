import { CliError, defineCommand } from '../core/command.ts'
import { toMap } from '../containers/options/files.ts'

const MTU = 'com.docker.network.driver.mtu'

export const command = defineCommand({
  usage: '[OPTIONS] NETWORK',
  args: [1, 1],
  complete: 'network',
  description: 'Change a network in place: containers on it stay connected',
  flags: {
    'label-add': { type: 'list', help: 'Add or change a label (key=value)' },
    'label-rm': { type: 'list', help: 'Remove a label' },
    mtu: { type: 'string', help: 'Largest packet in bytes; 0 follows the host' },
    opt: { type: 'map', short: 'o', help: 'Change a driver option; an empty value gives it back to its default' },
  },
  async run(context, { args, flags, changed }) {
    if (changed.size === 0) throw new CliError('nothing to change: give --label-add, --label-rm, --mtu or --opt')
    await context.client.networks.update(args[0]!, {
      Labels: toMap(flags['label-add']),
      LabelsRemove: flags['label-rm'],
      Options: { ...flags.opt, ...(changed.has('mtu') && { [MTU]: flags.mtu === '0' ? '' : flags.mtu }) },
    })
    context.print(args[0]!)
  },
})
