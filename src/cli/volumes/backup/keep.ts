import type { Retention } from '#model/backup.ts'
import { expiredNames } from '#model/retention.ts'
import type { BackupTarget } from '#targets/index.ts'
import { UsageError } from '../../core/command.ts'

export const KEEP_FLAGS = {
  'keep-last': { type: 'int', default: -1, help: 'Keep the last n backups of these volumes in that place' },
  'keep-daily': { type: 'int', default: -1, help: 'Keep the last backup of each of n days' },
  'keep-weekly': { type: 'int', default: -1, help: 'Keep the last backup of each of n weeks' },
  'keep-monthly': { type: 'int', default: -1, help: 'Keep the last backup of each of n months' },
} as const

/** @throws UsageError */
export function retentionOf(flags: Record<keyof typeof KEEP_FLAGS, number>, changed: ReadonlySet<string>): Retention {
  const rule = (flag: keyof typeof KEEP_FLAGS) => {
    if (!changed.has(flag)) return undefined
    if (flags[flag] < 0) throw new UsageError(`invalid value for --${flag}: it must not be negative`)
    return flags[flag]
  }
  const rules = {
    keepLast: rule('keep-last'),
    keepDaily: rule('keep-daily'),
    keepWeekly: rule('keep-weekly'),
    keepMonthly: rule('keep-monthly'),
  }
  const given = Object.entries(rules).filter(([, count]) => count !== undefined)
  if (given.length > 0 && given.every(([, count]) => count === 0)) {
    throw new UsageError('the --keep options would keep nothing: one must be above 0')
  }
  return Object.fromEntries(given)
}

/** Removes what no rule keeps. @returns the names */
export async function prune(target: BackupTarget, volumes: readonly string[], retention: Retention): Promise<string[]> {
  if (Object.keys(retention).length === 0) return []
  const names = (await target.list()).map(({ name }) => name)
  const gone = expiredNames(names, volumes, retention)
  for (const name of gone) await target.remove(name)
  return gone
}
