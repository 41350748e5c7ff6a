import { defineCommand } from '../core/command.ts'
import { checkOutput, saveTo } from '../core/save-to.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER',
  args: [1, 1],
  complete: 'container',
  flags: {
    output: { type: 'string', short: 'o', help: 'Write to a file, instead of STDOUT', complete: 'file' },
  },
  async run(context, { args, flags }) {
    checkOutput(context, flags.output)
    await saveTo(context, await context.client.containers.export(args[0]!), flags.output)
  },
})
