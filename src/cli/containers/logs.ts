import { writeFrames } from '#client/index.ts'
import { defineCommand } from '../core/command.ts'
import { apiTime } from '../core/api-time.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER',
  args: [1, 1],
  complete: 'container',
  flags: {
    details: { type: 'bool', help: 'Show extra details provided to logs' },
    follow: { type: 'bool', short: 'f', help: 'Follow log output' },
    since: {
      type: 'string',
      help: 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    },
    tail: { type: 'string', short: 'n', default: 'all', help: 'Number of lines to show from the end of the logs' },
    timestamps: { type: 'bool', short: 't', help: 'Show timestamps' },
    until: {
      type: 'string',
      help: 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    },
  },
  async run(context, { args, flags }) {
    const frames = await context.client.containers.logs(args[0]!, {
      stdout: true,
      stderr: true,
      follow: flags.follow || undefined,
      since: apiTime(flags.since),
      until: apiTime(flags.until),
      timestamps: flags.timestamps || undefined,
      details: flags.details || undefined,
      tail: flags.tail,
    })
    await writeFrames(frames, { stdout: context.stdout, stderr: context.stderr })
  },
})
