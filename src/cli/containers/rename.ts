import { CliError, defineCommand } from '../core/command.ts'
import { errorText } from '../core/report.ts'

export const command = defineCommand({
  usage: 'CONTAINER NEW_NAME',
  args: [2, 2],
  complete: 'container',
  flags: {},
  async run(context, { args }) {
    const [before, after] = args.map(name => name.trim())
    if (!before || !after) throw new CliError('Error: Neither old nor new names may be empty')
    try {
      await context.client.containers.rename(before, after)
    } catch (error) {
      throw new CliError(`${errorText(error)}\nError: failed to rename container named ${before}`)
    }
  },
})
