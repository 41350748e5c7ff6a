import { defineCommand } from '../core/command.ts'
import { followLogs } from './follow.ts'
import { containersOf } from './project.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [SERVICE...]',
  args: [0, Infinity],
  flags: {
    follow: { type: 'bool', short: 'f', help: 'Follow log output' },
    index: { type: 'int', help: 'Index of the container if service has multiple replicas' },
    'no-color': { type: 'bool', help: 'Produce monochrome output' },
    'no-log-prefix': { type: 'bool', help: "Don't print prefix in logs" },
    since: {
      type: 'string',
      help: 'Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)',
    },
    tail: {
      type: 'string',
      short: 'n',
      default: 'all',
      help: 'Number of lines to show from the end of the logs for each container',
    },
    timestamps: { type: 'bool', short: 't', help: 'Show timestamps' },
    until: {
      type: 'string',
      help: 'Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)',
    },
  },
  async run(context, input) {
    const { flags } = input
    const { containers } = await containersOf(context, input, input.args)
    const chosen = containers.filter(one => flags.index === 0 || one.number === flags.index)
    await followLogs(context, chosen, {
      follow: flags.follow,
      tail: flags.tail,
      timestamps: flags.timestamps,
      prefix: !flags['no-log-prefix'],
      colour: context.colour && !flags['no-color'],
      since: flags.since || undefined,
      until: flags.until || undefined,
    })
  },
})
