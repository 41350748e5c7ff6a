import { conflict, invalid, messageOf, notFound } from '#lib/errors.ts'
import type { BackupSchedule, Retention } from '#model/backup.ts'
import type { NewSchedule } from '../service.ts'
import { runOnce } from './run.ts'
import type { Scheduling } from './scheduling.ts'
import { nextTime } from './when.ts'

/** Runs that are remembered. */
const RUNS = 10
/** Milliseconds that a timer waits at most: the wall clock may be set meanwhile. */
const NAP = 10 * 60_000

type Run = BackupSchedule['runs'][number]

/** Backups that the daemon makes by itself. One run of a schedule at a time; one that was missed is made up once. */
export class Schedules {
  readonly #ctx: Scheduling
  readonly #timers = new Map<string, AbortController>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #next = new Map<string, number>()
  readonly #closing = new AbortController()

  constructor(ctx: Scheduling) {
    this.#ctx = ctx
  }

  list(): BackupSchedule[] {
    return this.#ctx.records.list().map(schedule => this.#shown(schedule))
  }

  /** @param reference an id, or the beginning of only one */
  get(reference: string): BackupSchedule {
    return this.#shown(this.#find(reference))
  }

  async add(request: NewSchedule): Promise<BackupSchedule> {
    const ctx = this.#ctx
    const now = new Date(ctx.clock.now()).toISOString()
    if (request.volumes.length === 0) throw invalid('name at least one volume to back up')
    for (const volume of request.volumes) ctx.checkVolume(volume)
    await nextTime(request.when, ctx.clock.now())
    checkCounts(request.fullEvery, request.retention)
    const target = request.target.endsWith('/') ? request.target : `${request.target}/`
    await (await ctx.targets.open(target, ctx.environment)).close()
    if (request.recipients.length > 0) {
      const probe = await ctx.targets.encrypting({ recipients: request.recipients })
      probe.destroy()
    }
    const schedule: BackupSchedule = { ...request, target, id: ctx.randomHex(12), createdAt: now, since: now, runs: [] }
    ctx.records.put(schedule.id, schedule)
    await this.#watch(schedule.id)
    return this.get(schedule.id)
  }

  async change(reference: string, enabled: boolean): Promise<BackupSchedule> {
    const schedule = this.#find(reference)
    if (schedule.enabled !== enabled) {
      const since = enabled ? new Date(this.#ctx.clock.now()).toISOString() : schedule.since
      this.#ctx.records.put(schedule.id, { ...schedule, enabled, since })
      await this.#watch(schedule.id)
    }
    return this.get(schedule.id)
  }

  remove(reference: string): void {
    const { id } = this.#find(reference)
    this.#ctx.records.delete(id)
    this.#ctx.indexes.delete(id)
    this.#unwatch(id)
  }

  /** A volume has another name now: its schedules go on with it, from a full backup, since the last one holds the old name. */
  renamed(from: string, to: string): void {
    for (const schedule of this.#ctx.records.list()) {
      if (!schedule.volumes.includes(from)) continue
      const volumes = schedule.volumes.map(name => (name === from ? to : name))
      this.#ctx.records.put(schedule.id, { ...schedule, volumes })
      this.#ctx.indexes.delete(schedule.id)
    }
  }

  async run(reference: string): Promise<BackupSchedule> {
    const { id } = this.#find(reference)
    if (this.#running.has(id)) throw conflict(`schedule ${id} is making a backup already`)
    await this.#run(id)
    const { records } = this.#ctx
    await this.#watch(id)
    return this.#shown(records.get(id) ?? this.#find(id))
  }

  async recover(): Promise<void> {
    for (const schedule of this.#ctx.records.list()) {
      const runs = schedule.runs.map(run => (run.endedAt === undefined ? this.#interrupted(run) : run))
      this.#ctx.records.put(schedule.id, { ...schedule, runs })
      await this.#watch(schedule.id)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the daemon is stopping'))
    for (const id of Array.from(this.#timers.keys())) this.#unwatch(id)
    await Promise.all(this.#running.values())
  }

  #shown(schedule: BackupSchedule): BackupSchedule {
    const next = this.#next.get(schedule.id)
    return { ...schedule, ...(next !== undefined && { nextAt: new Date(next).toISOString() }) }
  }

  #find(reference: string): BackupSchedule {
    const { records } = this.#ctx
    const exact = records.get(reference)
    if (exact) return exact
    const near = reference === '' ? [] : records.list().filter(({ id }) => id.startsWith(reference))
    if (near.length > 1) throw invalid(`several schedules begin with ${reference}: write more of it`)
    if (!near[0]) throw notFound(`no such schedule: ${reference}`)
    return near[0]
  }

  /** Starts its timer anew. */
  async #watch(id: string): Promise<void> {
    this.#unwatch(id)
    const schedule = this.#ctx.records.get(id)
    if (!schedule?.enabled || this.#closing.signal.aborted) return
    const timer = new AbortController()
    this.#timers.set(id, timer)
    try {
      this.#next.set(id, await nextTime(schedule.when, lastOf(schedule)))
    } catch (error) {
      this.#ctx.log.error('a schedule cannot be followed', { schedule: id, error: messageOf(error) })
      return
    }
    void this.#await(id, timer.signal)
  }

  #unwatch(id: string): void {
    this.#timers.get(id)?.abort()
    this.#timers.delete(id)
    this.#next.delete(id)
  }

  async #await(id: string, signal: AbortSignal): Promise<void> {
    const { clock } = this.#ctx
    try {
      for (let left = 0; (left = this.#next.get(id)! - clock.now()) > 0;) await clock.sleep(Math.min(left, NAP), signal)
    } catch {
      return
    }
    if (signal.aborted) return
    // One that was started by hand counts for this time too.
    await (this.#running.get(id) ?? this.#run(id))
    if (!signal.aborted) await this.#watch(id)
  }

  #run(id: string): Promise<void> {
    const running = this.#runAndRecord(id)
      .catch((error: unknown) => {
        this.#ctx.log.error('a run of a schedule could not be recorded', { schedule: id, error: messageOf(error) })
      })
      .finally(() => this.#running.delete(id))
    this.#running.set(id, running)
    return running
  }

  async #runAndRecord(id: string): Promise<void> {
    const { clock, log } = this.#ctx
    const time = () => new Date(clock.now()).toISOString()
    const run: Run = { startedAt: time() }
    const schedule = this.#record(id, run)
    if (!schedule) return
    try {
      const done = await runOnce(this.#ctx, schedule, this.#closing.signal)
      this.#record(id, { ...run, ...done, endedAt: time(), ok: true })
    } catch (error) {
      // Left without an end, it is made up when the daemon comes back.
      if (this.#closing.signal.aborted) return
      const message = messageOf(error)
      log.warn('a scheduled backup failed', { schedule: id, volumes: schedule.volumes.join(' '), error: message })
      this.#record(id, { ...run, endedAt: time(), ok: false, message })
      for (const volume of schedule.volumes) this.#ctx.announceFailure(volume, { schedule: id, error: message })
    }
  }

  /** Adds the run, or what has become of it. @returns undefined when the schedule has gone */
  #record(id: string, run: Run): BackupSchedule | undefined {
    const schedule = this.#ctx.records.get(id)
    if (!schedule) return undefined
    const others = schedule.runs.filter(
      ({ startedAt, endedAt }) => startedAt !== run.startedAt || endedAt !== undefined,
    )
    const changed = { ...schedule, runs: [run, ...others].slice(0, RUNS) }
    this.#ctx.records.put(id, changed)
    return changed
  }

  #interrupted(run: Run): Run {
    return { ...run, endedAt: run.startedAt, ok: false, message: INTERRUPTED }
  }
}

const INTERRUPTED = 'the daemon was stopped; the backup is made up for'

/** From when on the next run is due. One that the daemon's end cut off does not count. */
function lastOf({ runs, since }: BackupSchedule): number {
  const last = runs.find(({ message }) => message !== INTERRUPTED)
  return Math.max(Date.parse(since), last ? Date.parse(last.startedAt) : 0)
}

function checkCounts(fullEvery: number, retention: Retention): void {
  if (!Number.isInteger(fullEvery) || fullEvery < 1)
    throw invalid(`invalid full-every ${fullEvery}: it must be 1 or more`)
  const wrong = Object.entries(retention).find(([, count]) => !Number.isInteger(count) || count < 0)
  if (wrong) throw invalid(`invalid ${wrong[0]} ${wrong[1]}: it must be 0 or more`)
  const counts = Object.values(retention)
  if (counts.length > 0 && counts.every(count => count === 0)) throw invalid('the rules would keep no backup at all')
}
