import type { RestoreProgress } from '#model/backup.ts'
import { CliError, defineCommand, unsupportedFormat, UsageError } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { humanSize } from '../render/units.ts'
import { interruptible } from './backup/interrupt.ts'
import { putBack } from './backup/put-back.ts'
import { openSources, SOURCE_FLAGS, type Sources } from './backup/sources.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [VOLUME] -i SOURCE',
  args: [0, 1],
  complete: 'volume',
  description: `Restore volumes from a backup

Everything is read and checked out of sight; only when every byte is as it was written do the volumes get their new content, in one step. Volumes are made where there are none; those that have data are only replaced with --replace, and never while a running container uses them.

An archive without an index, as \`tar -czf\` makes it, is restored too, to VOLUME: nothing vouches for it then.

  berth volume restore -i pg_data.tar.zst
  berth volume restore pg_data_copy -i s3://bucket/nightly/pg_data-20260102T030405Z.tar.zst
  docker run … tar -cz … | berth volume restore pg_data --replace -i -`,
  flags: {
    ...SOURCE_FLAGS,
    only: { type: 'list', value: 'volume', help: 'Restore only this volume of the backup' },
    rename: { type: 'map', value: 'old=new', help: 'Restore a volume under another name' },
    replace: { type: 'bool', help: 'Replace what the volumes have' },
    'require-index': { type: 'bool', help: 'Refuse an archive that nothing vouches for' },
  },
  async run(context, { args, flags }) {
    if (flags.format !== '' && flags.format !== 'json') throw unsupportedFormat(flags.format, ['json', 'nothing'])
    const sources = await openSources(context, flags)
    try {
      checkSources(context, sources, { volume: args[0], strict: flags['require-index'] })
      const request = {
        ...whereTo(sources, args[0], flags.only, flags.rename),
        Replace: flags.replace,
        Foreign: !flags['require-index'],
      }
      const { quiet } = flags
      const done = await interruptible(signal => putBack(context, sources.inputs, request, { quiet, signal }))
      if (flags.format === 'json') context.print(JSON.stringify(jsonOf(done)))
      else show(context, done, quiet)
    } finally {
      await sources.close()
    }
  },
})

function checkSources(
  context: Context,
  { header, inputs, missing }: Sources,
  { volume, strict }: { volume: string | undefined; strict: boolean },
): void {
  const { location } = inputs.at(-1)!
  if (!header) {
    if (strict) throw new CliError(`${location} has no index: nothing vouches for its content (--require-index)`)
    if (!volume) throw new UsageError(`${location} has no index, and so no name for its volume: name one`)
    context.warn(`WARNING: ${location} has no index: it is restored as it is, and nothing vouches for its content`)
  }
  if (missing !== undefined) {
    throw new CliError(`${location} is incremental, and its base ${missing} is not beside it: name it with --base`)
  }
}

/** A volume of the archive by its own name is picked; another name is what the only one becomes. */
function whereTo({ header }: Sources, volume: string | undefined, only: string[], rename: Record<string, string>) {
  const bad = Object.entries(rename).find(([from, to]) => from === '' || to === '')
  if (bad) throw new UsageError('invalid value for --rename: write OLD=NEW')
  if (volume === undefined) return { Only: only, Rename: rename }
  const held = header?.volumes.map(({ name }) => name) ?? []
  if (held.length > 1 && held.includes(volume) && only.length === 0) return { Only: [volume], Rename: rename }
  return { Only: only, Rename: { ...rename, '': volume } }
}

function jsonOf({ id, volumes, files, bytes, summary }: RestoreProgress) {
  return { id, volumes, backup: summary?.header?.id ?? null, files, bytes, digest: summary?.digest ?? null }
}

function show(context: Context, { volumes, files, bytes, summary }: RestoreProgress, quiet: boolean): void {
  for (const volume of volumes ?? []) context.print(volume)
  if (quiet) return
  const of = summary?.header ? `, backup ${summary.header.id} of ${summary.header.createdAt.slice(0, 19)}Z` : ''
  context.print(`${files} files, ${humanSize(bytes)}${of}`)
}
