import { defineCommand, INSPECT_FORMAT_HELP } from '../core/command.ts'
import { inspectAll } from '../system/inspect-all.ts'

export const command = defineCommand({
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  args: [1, Infinity],
  complete: 'volume',
  flags: {
    format: { type: 'string', short: 'f', help: INSPECT_FORMAT_HELP },
  },
  run: (context, { args, flags }) =>
    inspectAll(context, args, flags.format, name => context.client.volumes.inspect(name, { usage: true })),
})
