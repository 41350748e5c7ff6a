import type { Retention } from './backup.ts'
import { parseBackupName, volumesIn, type NamedBackup } from './backup-name.ts'

const DAY = 86_400_000

/** A period of UTC that a time falls into, as a number that grows. */
const PERIODS = {
  keepDaily: (time: number) => Math.floor(time / DAY),
  // The epoch was a Thursday; weeks begin on Mondays.
  keepWeekly: (time: number) => Math.floor((time / DAY + 3) / 7),
  keepMonthly: (time: number) => new Date(time).getUTCFullYear() * 12 + new Date(time).getUTCMonth(),
} as const

/**
 * Which backups of the same volumes go: all that no rule keeps, but for those that a kept incremental one needs. Each
 * period's newest counts for it, and periods without a backup do not count. Without any rule nothing goes.
 *
 * @param needed times of those that stay in any case
 * @returns oldest first
 */
export function expired(
  backups: readonly NamedBackup[],
  retention: Retention,
  needed: ReadonlySet<number> = new Set(),
): NamedBackup[] {
  const rules = [retention.keepLast, retention.keepDaily, retention.keepWeekly, retention.keepMonthly]
  if (rules.every(rule => rule === undefined)) return []
  const newestFirst = backups.toSorted((a, b) => b.time - a.time || (a.name < b.name ? -1 : 1))
  const kept = new Set(newestFirst.slice(0, retention.keepLast ?? 0))
  for (const [rule, periodOf] of Object.entries(PERIODS)) {
    const seen = new Set<number>()
    for (const backup of newestFirst) {
      const period = periodOf(backup.time)
      if (seen.has(period)) continue
      if (seen.size >= (retention[rule as keyof typeof PERIODS] ?? 0)) break
      seen.add(period)
      kept.add(backup)
    }
  }
  for (const backup of backups) if (needed.has(backup.time)) kept.add(backup)
  // What is added here is looked at in turn: chains of any length.
  for (const { baseTime } of kept) {
    if (baseTime !== undefined) for (const backup of backups) if (backup.time === baseTime) kept.add(backup)
  }
  return newestFirst.filter(backup => !kept.has(backup)).reverse()
}

/**
 * The same for the names that lie in a place, whatever else is there.
 *
 * @returns in the order of removal: an incremental one before what it stands on, so that an interruption leaves whole ones
 */
export function expiredNames(names: readonly string[], volumes: readonly string[], retention: Retention): string[] {
  const ours = volumesIn(volumes)
  const all = names.flatMap(name => parseBackupName(name) ?? [])
  const backups = all.filter(backup => backup.volumes === ours)
  return expired(backups, retention, basesOfOthers(all, ours))
    .map(({ name }) => name)
    .reverse()
}

/** An incremental backup of some of the volumes may go on from one of all of them: that is none of its own volumes then. */
function basesOfOthers(all: readonly NamedBackup[], ours: string): Set<number> {
  const own = new Set(all.map(({ volumes, time }) => `${volumes} ${time}`))
  const times = all.flatMap(({ volumes, baseTime }) =>
    volumes === ours || baseTime === undefined || own.has(`${volumes} ${baseTime}`) ? [] : [baseTime],
  )
  return new Set(times)
}
