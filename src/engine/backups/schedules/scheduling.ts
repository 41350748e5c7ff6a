import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { BackupSchedule } from '#model/backup.ts'
import type { Repository } from '#ports/store.ts'
import type { TargetEnvironment, Targets } from '#ports/targets.ts'
import type { RunningBackup, StartBackup } from '../service.ts'
import type { KeptIndex } from './run.ts'

/** What schedules need of the rest. */
export interface Scheduling {
  records: Repository<BackupSchedule>
  indexes: Repository<KeptIndex>
  start: (request: StartBackup) => Promise<RunningBackup>
  /** @throws not-found */
  checkVolume: (name: string) => void
  targets: Targets
  /** Of the daemon; a schedule's own file adds to it. */
  environment: TargetEnvironment
  readFile: (path: string) => Promise<string>
  clock: Clock
  log: Logger
  randomHex: (digits: number) => string
  announceFailure: (volume: string, attributes: Record<string, string>) => void
}
