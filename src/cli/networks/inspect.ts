import { defineCommand, INSPECT_FORMAT_HELP } from '../core/command.ts'
import { inspectAll } from '../system/inspect-all.ts'

export const command = defineCommand({
  usage: '[OPTIONS] NETWORK [NETWORK...]',
  args: [1, Infinity],
  complete: 'network',
  flags: {
    format: { type: 'string', short: 'f', help: INSPECT_FORMAT_HELP },
    verbose: { type: 'bool', short: 'v', help: 'Verbose output for diagnostics' },
  },
  run: (context, { args, flags }) =>
    inspectAll(context, args, flags.format, name =>
      context.client.networks.inspect(name, { verbose: flags.verbose || undefined }),
    ),
})
