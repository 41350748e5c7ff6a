import { stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { isRemote, splitObjectUrl } from '#targets/index.ts'
import { CliError, UsageError } from '../../core/command.ts'

/** Where a backup goes. */
export type Destination =
  | { kind: 'stdout' }
  /** A device or a pipe, which nothing can be renamed to. */
  | { kind: 'stream'; path: string }
  /** @property name undefined: one is made */
  | { kind: 'place'; place: string; name: string | undefined }

/** What `-o` means. A slash at its end, or a directory, is a place where names are made. */
export async function destinationOf(output: string): Promise<Destination> {
  if (output === '') throw new CliError('say where to: -o FILE, DIRECTORY/, -, ssh://user@host/path or s3://bucket/key')
  if (output === '-') return { kind: 'stdout' }
  if (isRemote(output)) {
    if (output.endsWith('/')) return { kind: 'place', place: output, name: undefined }
    return { kind: 'place', ...splitObjectUrl(output) }
  }
  const path = resolve(output)
  const there = await stat(path).catch(() => undefined)
  if (there?.isDirectory() || output.endsWith('/')) return { kind: 'place', place: `${path}/`, name: undefined }
  if (there && !there.isFile()) return { kind: 'stream', path }
  return { kind: 'place', place: `${dirname(path)}/`, name: basename(path) }
}

/** The place and name of something that exists: a file of this machine or a URL. */
export function objectOf(location: string): { place: string; name: string } {
  if (isRemote(location)) return splitObjectUrl(location)
  const path = resolve(location)
  return { place: `${dirname(path)}/`.replace(/^\/\/$/, '/'), name: basename(path) }
}

/** An incremental backup in the place of its own base would go on from what is gone. */
export function demandOther(location: string, destination: Destination): void {
  if (location === '' || location === '-' || destination.kind !== 'place') return
  const base = objectOf(location)
  if (base.place !== destination.place || base.name !== destination.name) return
  throw new UsageError(`${location} would be replaced by what goes on from it: give the backup another name`)
}
