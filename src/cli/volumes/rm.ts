import { defineCommand } from '../core/command.ts'
import { forEach } from '../core/each.ts'
import { KEEP_HELP, parseKeep } from './keep.ts'

export const command = defineCommand({
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  args: [1, Infinity],
  complete: 'volume',
  description: 'Remove one or more volumes. You cannot remove a volume that is in use by a container.',
  flags: {
    force: { type: 'bool', short: 'f', help: 'Force the removal of one or more volumes' },
    keep: { type: 'string', help: KEEP_HELP },
  },
  async run(context, { args, flags }) {
    const keep = flags.keep === '' ? undefined : parseKeep(flags.keep)
    await forEach(context, args, async name => {
      await context.client.volumes.remove(name, { force: flags.force || undefined, keep })
      return name
    })
  },
})
