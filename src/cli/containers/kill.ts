import { defineCommand } from '../core/command.ts'
import { forEach } from '../core/each.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: [1, Infinity],
  complete: 'running-container',
  flags: {
    signal: { type: 'string', short: 's', help: 'Signal to send to the container' },
  },
  async run(context, { args, flags }) {
    await forEach(context, args, async name => {
      await context.client.containers.kill(name, flags.signal || undefined)
      return name
    })
  },
})
