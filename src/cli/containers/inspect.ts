import { defineCommand, INSPECT_FORMAT_HELP } from '../core/command.ts'
import { inspectAll } from '../system/inspect-all.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: [1, Infinity],
  complete: 'container',
  flags: {
    format: { type: 'string', short: 'f', help: INSPECT_FORMAT_HELP },
    size: { type: 'bool', short: 's', help: 'Display total file sizes' },
  },
  run: (context, { args, flags }) =>
    inspectAll(context, args, flags.format, name =>
      context.client.containers.inspect(name, { size: flags.size || undefined }),
    ),
})
