import { defineCommand } from '../core/command.ts'
import { forEach } from '../core/each.ts'

export const command = defineCommand({
  usage: 'CONTAINER [CONTAINER...]',
  args: [1, Infinity],
  complete: 'container',
  flags: {},
  async run(context, { args }) {
    await forEach(context, args, async name => {
      await context.client.containers.unpause(name)
      return name
    })
  },
})
