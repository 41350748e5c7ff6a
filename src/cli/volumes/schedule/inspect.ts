import { defineCommand, INSPECT_FORMAT_HELP } from '../../core/command.ts'
import { inspectAll } from '../../system/inspect-all.ts'

export const command = defineCommand({
  usage: '[OPTIONS] SCHEDULE [SCHEDULE...]',
  args: [1, Infinity],
  flags: {
    format: { type: 'string', short: 'f', help: INSPECT_FORMAT_HELP },
  },
  run: (context, { args, flags }) => inspectAll(context, args, flags.format, id => context.client.backups.schedule(id)),
})
