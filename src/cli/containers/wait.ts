import { CliError, defineCommand } from '../core/command.ts'
import { forEach } from '../core/each.ts'

export const command = defineCommand({
  usage: 'CONTAINER [CONTAINER...]',
  args: [1, Infinity],
  complete: 'running-container',
  flags: {},
  async run(context, { args }) {
    await forEach(context, args, async name => {
      const { exit } = await context.client.containers.wait(name)
      const { StatusCode, Error: failure } = await exit
      if (failure?.Message) throw new CliError(failure.Message)
      return String(StatusCode)
    })
  },
})
