import { awsEnvironment } from '#targets/index.ts'
import type { SyncLineJson } from '#wire/sync.ts'
import { CliError, defineCommand, UsageError } from '../core/command.ts'
import { humanSize } from '../render/units.ts'

/** As the AWS command line's: some files were left out. */
const SOME_SKIPPED = 2

export const command = defineCommand({
  usage: '[OPTIONS] VOLUME s3://BUCKET/PREFIX | s3://BUCKET/PREFIX VOLUME',
  args: [2, 2],
  complete: 'volume',
  description: `Make a prefix of an S3 bucket the same as a volume, or a volume the same as a prefix

As aws s3 sync: each file is an object, and what differs in size, or is newer in the volume, is transferred. Owner and mode travel as metadata of the objects (uid, gid, mode). Symbolic links are followed inside the volume; devices, sockets and names that are not UTF-8 are skipped, with a message and exit code 2. A file that cannot be transferred is told, and the exit code is 1.

Keys, region and server come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL, as for the AWS command line.

  berth volume sync pg_data s3://my-bucket/pg_data_backup
  berth volume sync s3://my-bucket/pg_data_backup pg_data --delete`,
  flags: {
    delete: { type: 'bool', help: 'Delete what the source does not have' },
    dryrun: { type: 'bool', help: 'Show what would be done, and do nothing' },
    'exact-timestamps': {
      type: 'bool',
      help: 'From S3: what has the same size is fetched unless the times are the same, too',
    },
    exclude: {
      type: 'list',
      value: 'pattern',
      check: pattern => `-${pattern}`,
      help: 'Leave out paths that match; of exclude and include, later ones win',
    },
    format: { type: 'string', help: 'Print each line as "json"', complete: ['json'] },
    include: {
      type: 'list',
      value: 'pattern',
      into: 'exclude',
      check: pattern => `+${pattern}`,
      help: 'Take paths that match, although an earlier exclude leaves them out',
    },
    quiet: { type: 'bool', short: 'q', help: 'Print errors only' },
    'size-only': { type: 'bool', help: 'What has the same size is the same' },
  },
  async run(context, { args, flags }) {
    const [source = '', destination = ''] = args
    const remote = [source, destination].map(text => text.startsWith('s3://'))
    if (remote[0] === remote[1]) throw new UsageError('one of the two must be s3://bucket/prefix, the other a volume')
    if (flags.format !== '' && flags.format !== 'json') {
      throw new UsageError(`unsupported format ${JSON.stringify(flags.format)}: use json or nothing`)
    }
    const [volume, target] = remote[1] ? [source, destination] : [destination, source]
    const lines = await context.client.backups.sync(volume, {
      Target: target,
      Direction: remote[1] ? 'to' : 'from',
      Delete: flags.delete,
      DryRun: flags.dryrun,
      SizeOnly: flags['size-only'],
      ExactTimestamps: flags['exact-timestamps'],
      Filters: flags.exclude,
      Environment: await awsEnvironment(context.env),
    })
    const url = target.replace(/\/*$/, '/')
    for await (const line of lines) {
      if (line.action === undefined) throw new CliError(line.error)
      if (flags.format === 'json') context.print(JSON.stringify(line))
      else if (line.action === 'total') {
        if (!flags.quiet) context.warn(totalText(line, flags.dryrun))
      } else {
        const text = lineText(line, url, remote[1]!)
        if (isTrouble(line)) context.warn(text)
        else if (!flags.quiet) context.print(flags.dryrun ? `(dryrun) ${text}` : text)
      }
      if (line.action === 'total') return line.failed > 0 ? 1 : line.skipped > 0 ? SOME_SKIPPED : 0
    }
    throw new CliError('the daemon ended before the volume and the bucket were the same: run it again')
  },
})

type Line = Exclude<SyncLineJson, { action?: undefined } | { action: 'total' }>
type Total = Extract<SyncLineJson, { action: 'total' }>

const isTrouble = ({ action }: Line) => action === 'failed' || action === 'skipped' || action === 'waiting'

function lineText(line: Line, url: string, out: boolean): string {
  if (line.action === 'waiting') return line.reason === '' ? 'going on' : line.reason
  const [here, there] = [`./${line.path}`, `${url}${line.path}`]
  switch (line.action) {
    case 'upload':
      return `upload: ${here} to ${there}`
    case 'download':
      return `download: ${there} to ${here}`
    case 'delete':
      return `delete: ${out ? there : here}`
    case 'skipped':
      return `warning: skipping ${out ? here : there}: ${line.reason}`
    case 'failed': {
      const ways = { upload: `${here} to ${there}`, download: `${there} to ${here}`, delete: out ? there : here }
      return `${line.what} failed: ${ways[line.what]} ${line.reason}`
    }
  }
}

function totalText({ compared, transferred, bytes, deleted, failed, skipped }: Total, dryRun: boolean): string {
  const parts = [
    `${compared} compared`,
    `${transferred} ${dryRun ? 'to transfer' : 'transferred'} (${humanSize(bytes)})`,
  ]
  if (deleted > 0) parts.push(`${deleted} ${dryRun ? 'to delete' : 'deleted'}`)
  if (failed > 0) parts.push(`${failed} failed`)
  if (skipped > 0) parts.push(`${skipped} skipped`)
  return parts.join(', ')
}
