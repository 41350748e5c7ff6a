import { BerthError } from '#lib/errors.ts'
import { parseBackupName } from '#model/backup-name.ts'
import { openTarget, type DecryptionKeys } from '#targets/index.ts'
import { CliError } from '../../core/command.ts'
import type { Context } from '../../core/context.ts'
import { Archive, openArchive } from './archive.ts'

/** A chain of incremental backups is never longer by intent. */
const LONGEST = 1000

/**
 * What an incremental backup stands on, the full backup first. Each base is the one given, or is found beside what needs it:
 * first by the time in its name, then by looking into every backup there.
 *
 * @param given locations, in any order
 * @returns undefined when one is nowhere to be found, with its id
 */
export async function basesOf(
  context: Context,
  archive: Pick<Archive, 'header' | 'location'> & { place: string | undefined; name: string },
  given: readonly string[],
  keys: DecryptionKeys,
): Promise<{ bases: Archive[]; missing?: string }> {
  const bases: Archive[] = []
  const offered = await Promise.all(given.map(location => openArchive(context, location, keys)))
  let { place, name } = archive
  let header = await archive.header()
  while (header?.base) {
    const { id } = header.base
    const found =
      (await withId(offered, id)) ?? (place === undefined ? undefined : await beside(context, place, name, id, keys))
    if (!found) return { bases, missing: id }
    if (bases.length >= LONGEST) throw new CliError(`${archive.location}: its chain of bases has no end`)
    bases.unshift(found)
    place = found.place
    name = found.name
    header = await found.header()
  }
  return { bases }
}

async function withId(archives: readonly Archive[], id: string): Promise<Archive | undefined> {
  for (const archive of archives) if ((await archive.header())?.id === id) return archive
  return undefined
}

async function beside(
  context: Context,
  place: string,
  name: string,
  id: string,
  keys: DecryptionKeys,
): Promise<Archive | undefined> {
  const target = await openTarget(place, context.env)
  const known = parseBackupName(name)
  const others = (await target.list()).map(other => other.name).filter(other => other !== name && isArchive(other))
  const likely = (other: string) => {
    const parsed = parseBackupName(other)
    return parsed !== undefined && parsed.volumes === known?.volumes && parsed.time === known.baseTime ? 0 : 1
  }
  for (const other of others.toSorted((a, b) => likely(a) - likely(b))) {
    const archive = new Archive(target, { location: `${place}${other}`, place, name: other }, keys)
    try {
      if ((await archive.header())?.id === id) return archive
    } catch (error) {
      // Encrypted for others, damaged, or gone in the meantime: not the one.
      if (!(error instanceof BerthError || error instanceof CliError)) throw error
    }
  }
  return undefined
}

const isArchive = (name: string) => /\.(tar|tgz)(\.|$)|\.tgz(\.|$)/.test(name)
