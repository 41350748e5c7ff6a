import { defineCommand } from '../core/command.ts'
import { checkOutput, saveTo } from '../core/save-to.ts'

export const command = defineCommand({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  args: [1, Infinity],
  complete: 'image',
  flags: {
    output: { type: 'string', short: 'o', help: 'Write to a file, instead of STDOUT', complete: 'file' },
    platform: {
      type: 'string',
      help: 'Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
  },
  async run(context, { args, flags }) {
    checkOutput(context, flags.output)
    const tar = await context.client.images.save(args, { platform: flags.platform || undefined })
    await saveTo(context, tar, flags.output)
  },
})
