import type { Readable } from 'node:stream'
import { BerthError, notImplemented } from '#lib/errors.ts'
import type { BackupProgress, BackupSchedule, RestoreProgress } from '#model/backup.ts'
import type { BackupsOptions, Context } from './context.ts'
import { Freezer, type FreezeRecord } from './freezer.ts'
import { Restores } from './restore/restores.ts'
import { Runs } from './runs.ts'
import type { BackupsService, RunningBackup, StartBackup, StartRestore, SyncProgress, SyncRequest } from './service.ts'
import { startBackup } from './start.ts'

/** Backups, restores and their schedules. */
export class Backups implements BackupsService {
  readonly #ctx: Context
  readonly #runs = new Runs()
  readonly #freezer: Freezer
  readonly #restores: Restores

  constructor({ store, ...options }: BackupsOptions) {
    this.#ctx = options
    this.#freezer = new Freezer(options, store.repository<FreezeRecord>('backup-freezes'))
    this.#restores = new Restores(options)
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
    return []
  }

  async addSchedule(_schedule: Omit<BackupSchedule, 'id' | 'createdAt' | 'runs'>): Promise<BackupSchedule> {
    throw notImplemented('volume schedule')
  }

  changeSchedule(_id: string, _enabled: boolean): BackupSchedule {
    throw notImplemented('volume schedule')
  }

  removeSchedule(_id: string): void {
    throw notImplemented('volume schedule')
  }

  async runSchedule(_id: string): Promise<BackupSchedule> {
    throw notImplemented('volume schedule')
  }

  async sync(_request: SyncRequest, _onProgress: (line: SyncProgress) => void, _signal: AbortSignal): Promise<void> {
    throw notImplemented('volume sync')
  }

  /** After containers and volumes have been recovered. */
  async recover(): Promise<void> {
    await this.#freezer.recover()
  }

  async close(): Promise<void> {
    const why = new BerthError('cancelled', 'the daemon is stopping')
    await Promise.all([this.#runs.stop(why), this.#restores.close()])
  }
}
