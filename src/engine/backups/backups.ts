import type { Readable } from 'node:stream'
import { BerthError } from '#lib/errors.ts'
import type { BackupProgress, BackupSchedule, RestoreProgress } from '#model/backup.ts'
import { announce, type BackupsOptions, type Context } from './context.ts'
import { Freezer, type FreezeRecord } from './freezer.ts'
import { Restores } from './restore/restores.ts'
import { Runs } from './runs.ts'
import type { KeptIndex } from './schedules/run.ts'
import { Schedules } from './schedules/schedules.ts'
import type { BackupsService, NewSchedule, RunningBackup, StartBackup, StartRestore } from './service.ts'
import { startBackup } from './start.ts'

/** Backups, restores and their schedules. */
export class Backups implements BackupsService {
  readonly #ctx: Context
  readonly #runs = new Runs()
  readonly #freezer: Freezer
  readonly #restores: Restores
  readonly #schedules: Schedules

  constructor({ store, targets, environment, readFile, ...options }: BackupsOptions) {
    this.#ctx = options
    this.#freezer = new Freezer(options, store.repository<FreezeRecord>('backup-freezes'))
    this.#restores = new Restores(options)
    const { clock, log, randomHex } = options
    this.#schedules = new Schedules({
      ...{ targets, environment, readFile, clock, log, randomHex },
      records: store.repository<BackupSchedule>('backup-schedules'),
      indexes: store.repository<KeptIndex>('backup-indexes'),
      start: request => this.start(request),
      checkVolume: name => void options.volumes.get(name),
      announceFailure: (volume, attributes) => announce(options, 'backup_failed', volume, attributes),
    })
  }

  start(request: StartBackup): Promise<RunningBackup> {
    return startBackup(this.#ctx, { runs: this.#runs, freezer: this.#freezer }, request)
  }

  get(id: string): BackupProgress {
    return this.#runs.progress(id)
  }

  async openRestore(request: StartRestore): Promise<RestoreProgress> {
    return this.#restores.open(request)
  }

  feed(id: string, offset: number, piece: Readable): Promise<RestoreProgress> {
    return this.#restores.use(id, session => session.feed(offset, piece))
  }

  next(id: string): Promise<RestoreProgress> {
    return this.#restores.use(id, session => session.next())
  }

  commit(id: string): Promise<RestoreProgress> {
    return this.#restores.use(id, session => session.commit())
  }

  restore(id: string): RestoreProgress {
    return this.#restores.get(id).progress()
  }

  abort(id: string): Promise<void> {
    return this.#restores.abort(id)
  }

  async digest(volume: string): Promise<string> {
    const { volumes, archives, randomHex } = this.#ctx
    const user = `digest:${randomHex(12)}`
    volumes.get(volume)
    const path = await volumes.mount(volume, user)
    try {
      return await archives.digest(path)
    } finally {
      await volumes.unmount(volume, user)
    }
  }

  schedules(): BackupSchedule[] {
    return this.#schedules.list()
  }

  schedule(id: string): BackupSchedule {
    return this.#schedules.get(id)
  }

  addSchedule(schedule: NewSchedule): Promise<BackupSchedule> {
    return this.#schedules.add(schedule)
  }

  changeSchedule(id: string, enabled: boolean): Promise<BackupSchedule> {
    return this.#schedules.change(id, enabled)
  }

  removeSchedule(id: string): void {
    this.#schedules.remove(id)
  }

  renamed(from: string, to: string): void {
    this.#schedules.renamed(from, to)
  }

  runSchedule(id: string): Promise<BackupSchedule> {
    return this.#schedules.run(id)
  }

  /** After containers and volumes have been recovered. */
  async recover(): Promise<void> {
    await this.#freezer.recover()
    await this.#schedules.recover()
  }

  async close(): Promise<void> {
    const why = new BerthError('cancelled', 'the daemon is stopping')
    // First of all no new ones.
    const schedules = this.#schedules.close()
    await Promise.all([schedules, this.#runs.stop(why), this.#restores.close()])
  }
}
