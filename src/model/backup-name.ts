import { hash } from 'node:crypto'
import type { BackupFormat } from './backup.ts'

/** What the name of a backup tells, as `backupName` makes it. */
export interface NamedBackup {
  name: string
  /** `a+b` for several volumes. */
  volumes: string
  /** Milliseconds since the epoch, whole seconds. */
  time: number
  /** Of an incremental backup: the time of what it goes on from, a backup of the same volumes. */
  baseTime?: number
}

const EXTENSION: Readonly<Record<BackupFormat, string>> = { zstd: '.tar.zst', gzip: '.tar.gz', tar: '.tar' }
const PATTERN = /^(.+?)-(\d{8}T\d{6}Z)(?:-after-(\d{8}T\d{6}Z))?\.tar(?:\.zst|\.gz)?(?:\.age)?$/s
/** Characters of the volumes' names in a backup's. */
const LONGEST = 150

/** `data-20260102T030405Z.tar.zst`; an incremental one `data-20260103T030405Z-after-20260102T030405Z.tar.zst`. */
export function backupName(
  volumes: readonly string[],
  time: number,
  parts: { format: BackupFormat; baseTime?: number; encrypted: boolean },
): string {
  const after = parts.baseTime === undefined ? '' : `-after-${stampOf(parts.baseTime)}`
  const end = `${EXTENSION[parts.format]}${parts.encrypted ? '.age' : ''}`
  return `${volumesIn(volumes)}-${stampOf(time)}${after}${end}`
}

/** The part of a backup's name that tells its volumes. A volume's name has no `+`. */
export function volumesIn(volumes: readonly string[]): string {
  const all = volumes.join('+')
  if (all.length <= LONGEST) return all
  // Others may begin with the same volume, and be as many: theirs must not count as these.
  return `${volumes[0]!.slice(0, LONGEST - 20)}+${volumes.length - 1}+${hash('sha256', all, 'hex').slice(0, 12)}`
}

/** undefined for a name that `backupName` did not make. */
export function parseBackupName(name: string): NamedBackup | undefined {
  const [, volumes, time, baseTime] = PATTERN.exec(name) ?? []
  if (volumes === undefined) return undefined
  const backup: NamedBackup = { name, volumes, time: timeOf(time!) }
  if (baseTime !== undefined) backup.baseTime = timeOf(baseTime)
  // What comes after itself would make a chain without an end.
  return Number.isNaN(backup.time) || !((backup.baseTime ?? -1) < backup.time) ? undefined : backup
}

/**
 * The time for a new backup's name: the first one from `time` on that no backup of the volumes has among `names`, and that is
 * after its base.
 */
export function freeTime(names: readonly string[], volumes: readonly string[], time: number, baseTime = -1): number {
  const ours = volumesIn(volumes)
  const taken = new Set(
    names.flatMap(name => parseBackupName(name) ?? []).flatMap(one => (one.volumes === ours ? one.time : [])),
  )
  let free = Math.floor(time / 1000) * 1000
  while (taken.has(free) || free <= Math.floor(baseTime / 1000) * 1000) free += 1000
  return free
}

/** The format that a file's name asks for. */
export function formatByName(name: string): BackupFormat {
  if (/\.(tar\.gz|tgz)(\.age)?$/i.test(name)) return 'gzip'
  return /\.tar(\.age)?$/i.test(name) ? 'tar' : 'zstd'
}

const stampOf = (time: number) => `${new Date(time).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`

const timeOf = (stamp: string) =>
  Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
