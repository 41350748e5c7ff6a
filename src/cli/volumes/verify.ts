import { indexLines } from '#codec/backup/index.ts'
import type { BackupHeader, RestoreProgress } from '#model/backup.ts'
import { CliError, defineCommand, unsupportedFormat } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { humanSize } from '../render/units.ts'
import type { Input } from './backup/input.ts'
import { interruptible } from './backup/interrupt.ts'
import { putBack } from './backup/put-back.ts'
import { openSources, SOURCE_FLAGS } from './backup/sources.ts'

export const command = defineCommand({
  usage: '[OPTIONS] -i SOURCE',
  args: [0, 0],
  description: `Check a backup: every byte, against the digests of its index

Nothing is changed. Of an incremental backup its bases are checked too, and that they have all that it needs.`,
  flags: SOURCE_FLAGS,
  async run(context, { flags }) {
    if (flags.format !== '' && flags.format !== 'json') throw unsupportedFormat(flags.format, ['json', 'nothing'])
    const sources = await openSources(context, flags)
    try {
      const { header, inputs, missing } = sources
      const { location } = inputs.at(-1)!
      if (!header)
        throw new CliError(`${location} has no index: nothing vouches for its content, so nothing can be checked`)
      await checkBases(inputs)
      const { quiet } = flags
      // Without its base, an incremental one is checked as far as it goes.
      const chain = missing === undefined ? inputs : inputs.slice(-1)
      const done = await interruptible(signal => putBack(context, chain, { Verify: true }, { quiet, signal }))
      const bases = missing === undefined ? chain.length - 1 : -1
      if (flags.format === 'json')
        context.print(
          JSON.stringify({ ...header, ...figures(done), basesChecked: Math.max(0, bases), missing: missing ?? null }),
        )
      else show(context, header, done, bases)
      if (missing !== undefined)
        throw new CliError(`its base ${missing} is not beside it: only what it holds itself was checked (--base)`)
    } finally {
      await sources.close()
    }
  },
})

/** That each incremental backup finds in its base what it leaves out. */
async function checkBases(inputs: readonly Input[]): Promise<void> {
  for (const [i, input] of inputs.entries()) {
    const base = inputs[i - 1]?.archive
    if (!base || !input.archive) continue
    const held = new Map<string, string>()
    const [mine, theirs] = [await input.archive.index(), await base.index()]
    const key = (header: BackupHeader, volume: number, path: string) => `${header.volumes[volume]?.name ?? ''}/${path}`
    for (const line of indexLines(theirs.index)) {
      if ('digest' in line && line.digest !== undefined)
        held.set(key(theirs.header, line.volume, line.path), line.digest)
    }
    for (const line of indexLines(mine.index)) {
      if (!('inBase' in line) || !line.inBase) continue
      if (held.get(key(mine.header, line.volume, line.path)) === line.digest) continue
      throw new CliError(`${input.location}: its base ${base.location} does not have ${line.path} as it needs it`)
    }
  }
}

function figures({ files, bytes, summary }: RestoreProgress) {
  return {
    files,
    bytes,
    storedBytes: summary?.storedBytes,
    digest: summary?.digest,
    changedWhileRead: summary?.changedWhileRead,
  }
}

function show(context: Context, header: BackupHeader, done: RestoreProgress, bases: number): void {
  const { files, bytes, summary } = done
  const volumes = header.volumes.map(({ name, consistency }) => `${name} (${consistency})`)
  const lines = [
    ['Backup', header.id],
    ['Made', header.createdAt],
    ['Volumes', volumes.join(', ')],
    ...(header.base ? [['Base', `${header.base.id}${bases > 0 ? ', whole too' : ''}`]] : []),
    ['Files', String(files)],
    ['Content', humanSize(bytes)],
    ['Stored', humanSize(summary?.storedBytes ?? 0)],
    ['Digest', `sha256:${summary?.digest ?? ''}`],
    ['Changed while read', String(summary?.changedWhileRead.length ?? 0)],
  ]
  for (const [name, value] of lines) context.print(`${`${name}:`.padEnd(20)}${value}`)
  context.print('Whole, and as it was written')
}
