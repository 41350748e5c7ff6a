import { CliError, defineCommand } from '../core/command.ts'

export const command = defineCommand({
  usage: 'CONTAINER NEW_NAME',
  args: [2, 2],
  complete: 'container',
  flags: {},
  async run(context, { args }) {
    const [before, after] = args.map(name => name.trim())
    if (!before || !after) throw new CliError('Error: Neither old nor new names may be empty')
    await context.client.containers.rename(before, after)
  },
})
