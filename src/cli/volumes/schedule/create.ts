import { resolve } from 'node:path'
import { readFile } from 'node:fs/promises'
import { isRemote, keysOf } from '#targets/index.ts'
import { defineCommand, UsageError } from '../../core/command.ts'
import { KEEP_FLAGS, retentionOf } from '../backup/keep.ts'

export const command = defineCommand({
  usage: '[OPTIONS] VOLUME [VOLUME...] -o PLACE',
  args: [1, Infinity],
  complete: 'volume',
  description: `Back up volumes again and again

The daemon makes the backups, with the same hooks as \`berth volume backup\`. Paths are on its host. A run that was missed while the daemon was down is made up once. A failure is shown by \`berth volume schedule ls\` and is an event \`backup_failed\` of the volume.

  berth volume schedule create pg_data --daily -o /srv/backups/ --keep-daily 7 --keep-weekly 4
  berth volume schedule create pg_data --every 1h --full-every 24 -o s3://bucket/pg/ --env-file /etc/berth/s3.env
  berth volume schedule create pg_data --cron "30 3 * * *" -o ssh://backup@nas/pg/ --encrypt-to age1…`,
  flags: {
    'archive-format': { type: 'string', default: 'zstd', help: 'zstd, gzip or tar', complete: ['zstd', 'gzip', 'tar'] },
    cron: {
      type: 'string',
      value: 'fields',
      help: "When: minute, hour, day, month, weekday, in the time of the daemon's host",
    },
    daily: { type: 'bool', help: 'Each midnight' },
    'encrypt-to': {
      type: 'list',
      value: 'recipient',
      help: 'Encrypt for this age key (age1…), or the keys in this file',
    },
    'env-file': {
      type: 'string',
      value: 'file',
      help: "File on the daemon's host with KEY=value lines for the place (AWS_ACCESS_KEY_ID, …)",
      complete: 'file',
    },
    every: { type: 'string', value: 'duration', help: 'So long after the last one: 30m, 6h, 1d' },
    'full-every': { type: 'int', default: 1, help: 'Make every n-th backup a full one, and those between incremental' },
    ...KEEP_FLAGS,
    output: {
      type: 'string',
      short: 'o',
      value: 'place',
      help: 'Directory, ssh://user@host/path/ or s3://bucket/prefix/',
      complete: 'file',
    },
    pause: { type: 'bool', help: 'Freeze the containers that use the volumes while they are read' },
  },
  async run(context, { args, flags, changed }) {
    if (flags.output === '')
      throw new UsageError('say where to: -o DIRECTORY/, ssh://user@host/path/ or s3://bucket/prefix/')
    const times = [flags.cron, flags.every && `@every ${flags.every}`, flags.daily ? '@daily' : ''].filter(Boolean)
    if (times.length !== 1) throw new UsageError('say when, in one way: --every 6h, --daily or --cron "0 3 * * *"')
    const recipients = await Promise.all(
      flags['encrypt-to'].map(async one => (one.startsWith('age1') ? [one] : keysOf(await readFile(one, 'utf8')))),
    )
    const { id } = await context.client.backups.addSchedule({
      Volumes: args,
      When: times[0]!,
      Target: isRemote(flags.output) ? flags.output : resolve(flags.output),
      Format: flags['archive-format'] as 'zstd',
      Pause: flags.pause,
      FullEvery: flags['full-every'],
      Retention: retentionOf(flags, changed),
      Recipients: recipients.flat(),
      EnvironmentFile: flags['env-file'] && resolve(flags['env-file']),
    })
    context.print(id)
  },
})
