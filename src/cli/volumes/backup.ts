import { formatByName, parseBackupName } from '#model/backup-name.ts'
import type { BackupFormat } from '#model/backup.ts'
import { openTarget } from '#targets/index.ts'
import { defineCommand, unsupportedFormat, UsageError } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { checkOutput } from '../core/save-to.ts'
import { humanSize } from '../render/units.ts'
import { openArchive } from './backup/archive.ts'
import { demandOther, destinationOf, type Destination } from './backup/destination.ts'
import { interruptible } from './backup/interrupt.ts'
import { KEEP_FLAGS, prune, retentionOf } from './backup/keep.ts'
import { decryptionKeys, encryptionKeys } from './backup/keys.ts'
import { take, type Taken } from './backup/take.ts'
import { UploadState } from './backup/uploads.ts'

export const command = defineCommand({
  usage: '[OPTIONS] VOLUME [VOLUME...] -o DESTINATION',
  args: [1, Infinity],
  complete: 'volume',
  description: `Back up one or more volumes as one archive

The archive is a tar with zstd (or gzip, when the name ends with .tar.gz), and has an index with a digest of every file: \`berth volume restore\` checks it before a volume is touched. DESTINATION is a file, a directory with a slash at its end (a name with volume and time is made), - for standard output, ssh://user@host/path or s3://bucket/key. A file appears under its name only when it is whole.

Labels of containers that use the volume, or of the volume, name shell commands: berth.backup.before and berth.backup.after run around the copy, berth.backup.during runs while it goes on (it prints "ready" when the copy may begin, and must end when its input does).

  berth volume backup pg_data -o pg_data.tar.zst
  berth volume backup pg_data uploads --pause -o s3://bucket/nightly/ --keep-daily 7 --keep-weekly 4
  berth volume backup pg_data -o backups/ --base backups/pg_data-20260102T030405Z.tar.zst`,
  flags: {
    'archive-format': {
      type: 'string',
      help: 'zstd, gzip or tar; by the name unless given',
      complete: ['zstd', 'gzip', 'tar'],
    },
    base: {
      type: 'string',
      value: 'backup',
      help: 'Store only what differs from this earlier backup',
      complete: 'file',
    },
    'encrypt-to': {
      type: 'list',
      value: 'recipient',
      help: 'Encrypt for this age key (age1…), or the keys in this file',
    },
    format: { type: 'string', help: 'Print what was done as "json"', complete: ['json'] },
    identity: { type: 'list', value: 'file', help: 'File with age keys that open an encrypted base', complete: 'file' },
    ...KEEP_FLAGS,
    level: {
      type: 'int',
      help: "Compression from 1 (fast) to 19 (gzip: 9); the format's usual one unless given",
    },
    'no-hooks': { type: 'bool', help: 'Do not run the commands of berth.backup labels' },
    output: { type: 'string', short: 'o', value: 'destination', help: 'Where to write', complete: 'file' },
    'passphrase-file': {
      type: 'string',
      value: 'file',
      help: 'Encrypt with the passphrase in this file (else that in BERTH_PASSPHRASE)',
      complete: 'file',
    },
    pause: {
      type: 'bool',
      help: 'Freeze the containers that use the volumes: for an instant where there are snapshots, else until the end',
    },
    quiet: { type: 'bool', short: 'q', help: 'Print only the name of the backup, and no progress' },
    resume: { type: 'bool', help: 'Go on with the same upload that was interrupted' },
  },
  async run(context, { args, flags, changed }) {
    if (flags.format !== '' && flags.format !== 'json') throw unsupportedFormat(flags.format, ['json', 'nothing'])
    const retention = retentionOf(flags, changed)
    const destination = await destinationOf(flags.output)
    checkDestination(context, destination, Object.keys(retention).length > 0, flags.resume)
    const keys = await encryptionKeys(context, flags['encrypt-to'], flags['passphrase-file'])
    if (keys && flags.resume) {
      throw new UsageError(
        'conflicting options: an encrypted upload cannot be resumed, since its bytes are never the same',
      )
    }
    const format = formatOf(flags['archive-format'], destination)
    if (changed.has('level') && flags.level < 1) throw new UsageError('invalid value for --level: it begins at 1')
    const target = destination.kind === 'place' ? await openTarget(destination.place, context.env) : undefined
    demandOther(flags.base, destination)
    const base = await baseOf(context, flags.base, flags.identity, flags['passphrase-file'])
    const request = {
      Volumes: args,
      Format: format,
      ...(changed.has('level') && { Level: flags.level }),
      Pause: flags.pause,
      NoHooks: flags['no-hooks'],
    }
    const state = target && !keys ? new UploadState(context, [args, flags.output, format, base?.header.id]) : undefined
    try {
      const taken = await interruptible(signal =>
        take(context, {
          request,
          destination,
          target,
          base,
          keys,
          state,
          resume: flags.resume,
          quiet: flags.quiet,
          signal,
        }),
      )
      const removed = target ? await prune(target, args, retention) : []
      show(context, {
        destination,
        taken,
        removed,
        base: base?.header.id,
        quiet: flags.quiet,
        json: flags.format === 'json',
      })
    } finally {
      await target?.close()
    }
  },
})

function checkDestination(context: Context, destination: Destination, keeps: boolean, resume: boolean): void {
  if (destination.kind === 'stdout') checkOutput(context, '')
  if (destination.kind !== 'place' && resume) throw new UsageError('conflicting options: a stream cannot be resumed')
  const named = destination.kind !== 'place' || destination.name !== undefined
  if (keeps && named) throw new UsageError('the --keep options need a place: end the destination with a slash')
}

function formatOf(asked: string, destination: Destination): BackupFormat {
  if (asked === '') return formatByName((destination.kind === 'place' && destination.name) || '')
  if (asked === 'zstd' || asked === 'gzip' || asked === 'tar') return asked
  throw new UsageError(`invalid value for --archive-format: ${JSON.stringify(asked)}: use zstd, gzip or tar`)
}

async function baseOf(context: Context, location: string, identities: readonly string[], passphraseFile: string) {
  if (location === '') return undefined
  const archive = await openArchive(context, location, await decryptionKeys(context, identities, passphraseFile))
  try {
    const { header, index } = await archive.index()
    return { header, index, time: parseBackupName(archive.name)?.time ?? Date.parse(header.createdAt) }
  } finally {
    await archive.target.close()
  }
}

function show(
  context: Context,
  done: {
    destination: Destination
    taken: Taken
    removed: string[]
    base: string | undefined
    quiet: boolean
    json: boolean
  },
): void {
  const { destination, removed, taken } = done
  const { id, createdAt, bytes, summary } = taken
  // Standard output is the archive.
  const print = (line: string) => (destination.kind === 'stdout' ? context.warn(line) : context.print(line))
  const place = destination.kind === 'place' ? destination.place : ''
  if (done.json) {
    const { files, digest, changedWhileRead } = summary
    const volumes = summary.header?.volumes.map(({ name, consistency }) => ({ name, consistency })) ?? []
    const size = { files, bytes: summary.bytes, storedBytes: bytes }
    return print(
      JSON.stringify({
        id,
        createdAt,
        place,
        name: taken.name,
        volumes,
        base: done.base ?? null,
        ...size,
        digest,
        changedWhileRead,
        removed,
      }),
    )
  }
  for (const path of summary.changedWhileRead) {
    context.warn(`changed while it was read: ${path} (--pause makes everything stand still)`)
  }
  if (done.quiet) {
    if (taken.name !== '') print(taken.name)
    return
  }
  if (taken.name !== '') print(`${place}${taken.name}`)
  const ratio = bytes > 0 && summary.bytes > bytes ? ` (${(summary.bytes / bytes).toFixed(1)} : 1)` : ''
  const of = done.base === undefined ? '' : ', what is not in the base'
  print(`${summary.files} files, ${humanSize(summary.bytes)}${of}, stored as ${humanSize(bytes)}${ratio}`)
  print(`sha256:${summary.digest}`)
  for (const name of removed) print(`removed ${name}`)
}
