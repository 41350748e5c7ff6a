import { defineCommand } from '../core/command.ts'

export const command = defineCommand({
  usage: 'VOLUME NEW_NAME',
  args: [2, 2],
  complete: 'volume',
  description: 'Give a volume another name, with all it has. No container may refer to it.',
  flags: {},
  async run(context, { args }) {
    const renamed = await context.client.volumes.rename(args[0]!, args[1]!)
    context.print(renamed.Name)
  },
})
