import { CliError, defineCommand } from '../core/command.ts'
import { toMap } from '../containers/options/files.ts'

export const command = defineCommand({
  usage: '[OPTIONS] VOLUME',
  args: [1, 1],
  complete: 'volume',
  description: 'Change labels of a volume, or make it larger, while containers use it',
  flags: {
    'label-add': { type: 'list', help: 'Add or change a label (key=value)' },
    'label-rm': { type: 'list', help: 'Remove a label' },
    size: { type: 'bytes', help: 'New size, larger than it is (10g)' },
  },
  async run(context, { args, flags, changed }) {
    if (changed.size === 0) throw new CliError('nothing to change: give --label-add, --label-rm or --size')
    const removed = Object.fromEntries(flags['label-rm'].map(name => [name, null]))
    const volume = await context.client.volumes.update(args[0]!, {
      Labels: { ...removed, ...toMap(flags['label-add']) },
      ...(changed.has('size') && { Size: flags.size }),
    })
    context.print(volume.Name)
  },
})
