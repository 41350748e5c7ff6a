import { defineCommand } from '../core/command.ts'

export const command = defineCommand({
  usage: '[OPTIONS] NAME|ID',
  args: [1, 1],
  description:
    'Bring a volume back that was removed with --keep: by its id, or by its name the one that was removed last',
  flags: {
    as: { type: 'string', help: 'Bring it back under another name' },
  },
  async run(context, { args, flags }) {
    const volume = await context.client.volumes.restoreDeleted(args[0]!, flags.as || undefined)
    context.print(volume.Name)
  },
})
