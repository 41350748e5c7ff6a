import { conflict, invalid } from '#lib/errors.ts'
import type { BackupHeader, BackupVolume } from '#model/backup.ts'
import type { StartRestore } from '../service.ts'

/** Where a volume of an archive goes. */
export interface Choice {
  /** Name in the archive; '' in one that is none of ours. */
  from: string
  /** Name here. */
  to: string
  /** As the archive describes it; undefined in one that is none of ours. */
  volume: BackupVolume | undefined
}

/**
 * What of an archive goes where, in the archive's order; undefined for what is left out.
 *
 * @param previous the backup that was restored before this one, which an incremental one goes on from
 * @throws invalid, conflict
 */
export function choose(
  header: BackupHeader | undefined,
  request: StartRestore,
  previous: BackupHeader | undefined,
): (Choice | undefined)[] {
  if (!header) return [foreign(request, previous)]
  demandBase(header, request, previous)
  const names = header.volumes.map(({ name }) => name)
  const renames = namesOf(request, names)
  const unknown = [...request.only, ...renames.keys()].find(name => !names.includes(name))
  if (unknown !== undefined) {
    throw invalid(`backup ${header.id} has no volume ${unknown}: it holds ${names.join(', ')}`)
  }
  const choices = header.volumes.map((volume): Choice | undefined => {
    if (request.verify || (request.only.length > 0 && !request.only.includes(volume.name))) return undefined
    return { from: volume.name, to: renames.get(volume.name) ?? volume.name, volume }
  })
  const taken = new Set<string>()
  for (const choice of choices) {
    if (!choice) continue
    if (taken.has(choice.to)) throw invalid(`two volumes of the backup would become ${choice.to}: rename one of them`)
    taken.add(choice.to)
  }
  return choices
}

function foreign(request: StartRestore, previous: BackupHeader | undefined): Choice | undefined {
  if (previous) throw conflict(`backup ${previous.id} cannot be followed by an archive without an index`)
  if (request.verify) return undefined
  const to = request.rename['']
  if (!to) throw invalid('the archive has no index and so no name for its volume: name one')
  return { from: '', to, volume: undefined }
}

function demandBase(header: BackupHeader, request: StartRestore, previous: BackupHeader | undefined): void {
  const { id, base } = header
  if (previous && base?.id !== previous.id) {
    throw conflict(
      base
        ? `backup ${id} goes on from ${base.id}, and not from ${previous.id}, which came before it`
        : `backup ${id} is a full one, and cannot follow ${previous.id}: restore it alone`,
    )
  }
  if (base && !previous && !request.verify) {
    throw conflict(`backup ${id} is incremental: restore its base ${base.id} first (--base)`)
  }
}

/** A name without an old one is for the only volume. */
function namesOf({ rename, only }: StartRestore, names: readonly string[]): Map<string, string> {
  const { '': alone, ...renames } = rename
  // A volume may be called `constructor`.
  if (!alone) return new Map(Object.entries(renames))
  const wanted = only.length > 0 ? only : names
  if (wanted.length !== 1) {
    throw invalid(`the backup holds ${names.join(', ')}: which shall be ${alone}? name it with --rename OLD=${alone}`)
  }
  return new Map([...Object.entries(renames), [wanted[0]!, alone]])
}
