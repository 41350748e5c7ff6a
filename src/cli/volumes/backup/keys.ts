import { readFile } from 'node:fs/promises'
import { getSystemErrorMessage } from 'node:util'
import { messageOf } from '#lib/errors.ts'
import type { DecryptionKeys, EncryptionKeys } from '#targets/index.ts'
import { keysOf } from '#targets/index.ts'
import { CliError, UsageError } from '../../core/command.ts'
import type { Context } from '../../core/context.ts'

/** undefined: not encrypted. @param recipients age keys, or files with some */
export async function encryptionKeys(
  context: Context,
  recipients: readonly string[],
  passphraseFile: string,
): Promise<EncryptionKeys | undefined> {
  if (recipients.length > 0) {
    if (passphraseFile !== '') throw new UsageError('conflicting options: --encrypt-to and --passphrase-file')
    const keys = await Promise.all(
      recipients.map(async one => (one.startsWith('age1') ? [one] : keysOf(await read(one, '--encrypt-to')))),
    )
    return { recipients: keys.flat() }
  }
  const passphrase = await passphraseOf(context, passphraseFile)
  return passphrase === undefined ? undefined : { passphrase }
}

/** What was given to open encrypted backups with; maybe nothing. */
export async function decryptionKeys(
  context: Context,
  identities: readonly string[],
  passphraseFile: string,
): Promise<DecryptionKeys> {
  const keys = await Promise.all(identities.map(async file => keysOf(await read(file, '--identity'))))
  const passphrase = await passphraseOf(context, passphraseFile)
  return { identities: keys.flat(), ...(passphrase !== undefined && { passphrase }) }
}

async function passphraseOf(context: Context, file: string): Promise<string | undefined> {
  if (file === '') return context.env['BERTH_PASSPHRASE'] || undefined
  const passphrase = (await read(file, '--passphrase-file')).split('\n', 1)[0]!.replace(/\r$/, '')
  if (passphrase === '') throw new CliError(`${file} has no passphrase in its first line`)
  return passphrase
}

async function read(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const { errno } = cause as NodeJS.ErrnoException
    const why = errno === undefined ? messageOf(cause) : getSystemErrorMessage(errno)
    throw new CliError(`${flag}: cannot read ${path}: ${why}`)
  }
}
