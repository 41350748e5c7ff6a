import { PassThrough, type Readable } from 'node:stream'
import { messageOf } from '#lib/errors.ts'
import { through } from '#lib/streams.ts'
import type { BackupSchedule } from '#model/backup.ts'
import { backupName, freeTime } from '#model/backup-name.ts'
import { expiredNames } from '#model/retention.ts'
import type { BackupTarget } from '#ports/targets.ts'
import type { RunningBackup, StartBackup } from '../service.ts'
import { baseAmong, indexIn, TailKeeper } from './base.ts'
import type { Scheduling } from './scheduling.ts'

/** The index of the last encrypted backup of a schedule, which the daemon cannot read back. */
export interface KeptIndex {
  name: string
  /** Base64. */
  index: string
}

type Run = BackupSchedule['runs'][number]

/** One backup of a schedule, and then what its rules remove. @throws what went wrong */
export async function runOnce(
  ctx: Scheduling,
  schedule: BackupSchedule,
  signal: AbortSignal,
): Promise<Pick<Run, 'name' | 'bytes' | 'message'>> {
  const { volumes, format, pause, recipients } = schedule
  const target = await ctx.targets.open(schedule.target, await environmentOf(ctx, schedule))
  try {
    const names = (await target.list()).map(({ name }) => name)
    const base = await baseOf(ctx, schedule, target, names)
    const request: StartBackup = { volumes, format, pause, hooks: true, ...(base && { base: base.index }) }
    const backup = await ctx.start(request)
    const parts = { format, encrypted: recipients.length > 0, ...(base && { baseTime: base.time }) }
    const time = freeTime(names, volumes, Date.parse(backup.createdAt), base?.time)
    const name = backupName(volumes, time, parts)
    const bytes = await put(ctx, schedule, target, { name, backup, signal })
    return { name, bytes, ...(await prune(ctx, schedule, target, [...names, name])) }
  } finally {
    await target.close()
  }
}

/** What the newest backup in the place can give for an incremental one; any doubt makes a full one. */
async function baseOf(ctx: Scheduling, schedule: BackupSchedule, target: BackupTarget, names: readonly string[]) {
  const base = baseAmong(names, schedule.volumes, schedule.fullEvery)
  if (!base) return undefined
  if (schedule.recipients.length > 0) {
    const kept = ctx.indexes.get(schedule.id)
    return kept?.name === base.name ? { time: base.time, index: Buffer.from(kept.index, 'base64') } : undefined
  }
  try {
    return { time: base.time, index: await indexIn(target, base.name) }
  } catch (error) {
    ctx.log.warn('an earlier backup is of no use for an incremental one: a full one is made', {
      schedule: schedule.id,
      backup: base.name,
      error: messageOf(error),
    })
    return undefined
  }
}

async function put(
  ctx: Scheduling,
  { id, recipients, fullEvery }: BackupSchedule,
  target: BackupTarget,
  { name, backup, signal }: { name: string; backup: RunningBackup; signal: AbortSignal },
): Promise<number> {
  const tail = recipients.length > 0 && fullEvery > 1 ? new TailKeeper() : undefined
  try {
    const archive = loose(backup.stream)
    const plain = tail ? through(archive, tail) : archive
    const content = recipients.length > 0 ? through(plain, await ctx.targets.encrypting({ recipients })) : plain
    const { bytes } = await target.put(name, content, { signal })
    const index = await tail?.index()
    if (index && ctx.records.get(id)) ctx.indexes.put(id, { name, index: index.toString('base64') })
    return bytes
  } catch (error) {
    // With the reason, which the backup then shows as its own.
    backup.stream.destroy(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

/** A stream that can be destroyed without the source: whoever does it knows better why. */
function loose(source: Readable): Readable {
  const stream = new PassThrough()
  source.once('error', error => stream.destroy(error))
  source.once('close', () => source.readableEnded || stream.destroy(new Error('the archive ended early')))
  return source.pipe(stream)
}

async function prune(
  ctx: Scheduling,
  { id, volumes, retention }: BackupSchedule,
  target: BackupTarget,
  names: readonly string[],
): Promise<{ message?: string }> {
  const gone = expiredNames(names, volumes, retention)
  try {
    for (const name of gone) await target.remove(name)
    return gone.length > 0 ? { message: `removed ${gone.join(', ')}` } : {}
  } catch (error) {
    // The backup itself is there.
    ctx.log.warn('old backups could not be removed', { schedule: id, error: messageOf(error) })
    return { message: `old backups could not be removed: ${messageOf(error)}` }
  }
}

async function environmentOf(ctx: Scheduling, { environmentFile }: BackupSchedule) {
  if (environmentFile === '') return ctx.environment
  const text = await ctx.readFile(environmentFile)
  const pairs = text.split('\n').flatMap(line => {
    const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*?)\s*$/.exec(line)
    return match ? [[match[1]!, match[2]!.replace(/^(["'])(.*)\1$/, '$2')]] : []
  })
  return { ...ctx.environment, ...(Object.fromEntries(pairs) as Record<string, string>) }
}
