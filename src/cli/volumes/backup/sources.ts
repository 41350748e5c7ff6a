import type { BackupHeader } from '#model/backup.ts'
import type { DecryptionKeys } from '#targets/index.ts'
import type { Context } from '../../core/context.ts'
import { basesOf } from './chain.ts'
import { inputOf, openInput, type Input } from './input.ts'
import { decryptionKeys } from './keys.ts'

export const SOURCE_FLAGS = {
  base: {
    type: 'list',
    value: 'backup',
    help: 'What an incremental backup goes on from, if it does not lie beside it',
    complete: 'file',
  },
  format: { type: 'string', help: 'Print what was done as "json"', complete: ['json'] },
  identity: { type: 'list', value: 'file', help: 'File with age keys that open an encrypted backup', complete: 'file' },
  input: {
    type: 'string',
    short: 'i',
    value: 'source',
    help: 'What to read: a file, -, ssh://user@host/path or s3://bucket/key',
    complete: 'file',
  },
  'passphrase-file': {
    type: 'string',
    value: 'file',
    help: 'File with the passphrase of an encrypted backup (else BERTH_PASSPHRASE)',
    complete: 'file',
  },
  quiet: { type: 'bool', short: 'q', help: 'No progress' },
} as const

export interface Sources {
  /** The full backup first, the one that was asked for last. */
  inputs: Input[]
  /** Of the one that was asked for; undefined: none of ours. */
  header: BackupHeader | undefined
  /** Id of a base that is nowhere to be found. */
  missing: string | undefined
  close(): Promise<void>
}

/** What was asked for, and all that it stands on. */
export async function openSources(
  context: Context,
  flags: { input: string; base: string[]; identity: string[]; 'passphrase-file': string },
): Promise<Sources> {
  const keys: DecryptionKeys = await decryptionKeys(context, flags.identity, flags['passphrase-file'])
  const input = await openInput(context, flags.input, keys)
  const { archive, location } = input
  const asked = { header: input.header, location, place: archive?.place, name: archive?.name ?? '' }
  const { bases, missing } = await basesOf(context, asked, flags.base, keys)
  const close = async () => {
    for (const one of [archive, ...bases]) await one?.target.close()
  }
  return { inputs: [...bases.map(inputOf), input], header: await input.header(), missing, close }
}
