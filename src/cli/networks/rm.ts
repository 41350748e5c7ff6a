import { isKind } from '#lib/errors.ts'
import { defineCommand } from '../core/command.ts'
import { forEach } from '../core/each.ts'

export const command = defineCommand({
  usage: 'NETWORK [NETWORK...]',
  args: [1, Infinity],
  complete: 'network',
  flags: {
    force: { type: 'bool', short: 'f', help: 'Do not error if the network does not exist' },
  },
  async run(context, { args, flags }) {
    await forEach(context, args, async name => {
      try {
        await context.client.networks.remove(name)
      } catch (error) {
        if (!flags.force || !isKind(error, 'not-found')) throw error
      }
      return name
    })
  },
})
