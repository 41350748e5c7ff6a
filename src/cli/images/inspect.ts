import { defineCommand, INSPECT_FORMAT_HELP } from '../core/command.ts'
import { inspectAll } from '../system/inspect-all.ts'

export const command = defineCommand({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  args: [1, Infinity],
  complete: 'image',
  flags: {
    format: { type: 'string', short: 'f', help: INSPECT_FORMAT_HELP },
  },
  run: (context, { args, flags }) =>
    inspectAll(context, args, flags.format, name => context.client.images.inspect(name)),
})
