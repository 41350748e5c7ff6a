import { createWriteStream } from 'node:fs'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BackupStream } from '#client/index.ts'
import { messageOf } from '#lib/errors.ts'
import { through } from '#lib/streams.ts'
import type { BackupFormat, BackupHeader, BackupSummary } from '#model/backup.ts'
import { backupName, freeTime, volumesIn } from '#model/backup-name.ts'
import type { BackupTarget, EncryptionKeys } from '#targets/index.ts'
import { encrypting } from '#targets/index.ts'
import type { BackupRequest } from '#wire/backups.ts'
import { CliError } from '../../core/command.ts'
import type { Context } from '../../core/context.ts'
import { humanSize } from '../../render/units.ts'
import type { Destination } from './destination.ts'
import { meter } from './meter.ts'
import type { UploadState } from './uploads.ts'

export interface TakeOptions {
  request: BackupRequest & { Format: BackupFormat }
  destination: Destination
  /** The opened place, where there is one. */
  target: BackupTarget | undefined
  /** `time` as its name tells it, else when it was made. */
  base: { header: BackupHeader; index: Buffer; time: number } | undefined
  keys: EncryptionKeys | undefined
  /** Where an interrupted upload is remembered; undefined where none can be taken up again. */
  state: UploadState | undefined
  resume: boolean
  quiet: boolean
  signal: AbortSignal
}

export interface Taken {
  /** '' for a stream. */
  name: string
  id: string
  createdAt: string
  /** Bytes that the place got. */
  bytes: number
  summary: BackupSummary
}

/** Takes one backup to where it goes. What is not whole never has its name there. */
export async function take(context: Context, options: TakeOptions): Promise<Taken> {
  const { destination, request, base, keys, signal, target, state } = options
  const earlier = options.resume ? await state?.read() : undefined
  if (options.resume && !earlier) context.warn('nothing was interrupted that could be resumed: a new backup is made')
  const repeat = earlier && { Id: earlier.id, CreatedAt: earlier.createdAt }
  const { backups } = context.client
  const backup = await backups.start({ ...request, ...(repeat && { Repeat: repeat }) }, base?.index, signal)
  let placed = 0
  let token = earlier?.token ?? ''
  const stop = meter(context, options.quiet, async () => {
    const { bytes, totalBytes, storedBytes } = await backups.status(backup.id)
    return {
      bytes,
      total: totalBytes,
      note: `${placed > 0 ? 'in place' : 'stored'} ${humanSize(placed || storedBytes, 3)}`,
    }
  })
  const counted = count(bytes => (placed = bytes))
  try {
    const sealed = keys ? through(backup.stream as Readable, await encrypting(keys)) : (backup.stream as Readable)
    const content = through(sealed, counted.stream)
    if (destination.kind === 'stdout') await pipeline(content, context.stdout, { end: false, signal })
    else if (destination.kind === 'stream') await pipeline(content, createWriteStream(destination.path), { signal })
    const name =
      destination.kind === 'place'
        ? (earlier?.name ?? destination.name ?? (await freeName(target!, request, backup, base, keys)))
        : ''
    if (destination.kind === 'place') {
      const remember = (token: string) =>
        state?.write({ id: backup.id, createdAt: backup.createdAt, name, token }).catch(() => {})
      if (state && !earlier) await remember('')
      await target!.put(name, content, {
        signal,
        onWait: reason => void (reason !== '' && !options.quiet && context.warn(reason)),
        ...(earlier?.token && { resume: earlier.token }),
        ...(state && { onToken: (given: string) => void remember((token = given)) }),
      })
      await state?.remove()
    }
    const summary = await summaryOf(context, backup)
    return { name, id: backup.id, createdAt: backup.createdAt, bytes: counted.bytes(), summary }
  } catch (error) {
    backup.stream.destroy()
    const reason = signal.aborted ? error : await reasonOf(context, backup, error)
    if (token !== '') context.warn('what is there already is kept: the same command with --resume goes on')
    throw reason
  } finally {
    stop()
  }
}

/** One that is not taken: two backups of a second must not replace one another. */
async function freeName(
  target: BackupTarget,
  { Volumes, Format }: TakeOptions['request'],
  { createdAt }: BackupStream,
  base: TakeOptions['base'],
  keys: EncryptionKeys | undefined,
): Promise<string> {
  const names = (await target.list(`${volumesIn(Volumes)}-`)).map(({ name }) => name)
  const baseTime = base?.time
  const parts = { format: Format, encrypted: keys !== undefined, ...(baseTime !== undefined && { baseTime }) }
  return backupName(Volumes, freeTime(names, Volumes, Date.parse(createdAt), baseTime), parts)
}

async function summaryOf(context: Context, { id }: BackupStream): Promise<BackupSummary> {
  const { summary, error } = await context.client.backups.status(id)
  if (!summary) throw new CliError(`backup ${id} failed: ${error ?? 'the daemon knows nothing of its end'}`)
  return summary
}

/** The daemon's own words, where it was the daemon's side that failed. */
async function reasonOf(context: Context, { id }: BackupStream, error: unknown): Promise<unknown> {
  const isBreak = ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'].includes((error as NodeJS.ErrnoException)?.code ?? '')
  const status = await context.client.backups.status(id).catch(() => undefined)
  if (isBreak && status?.error !== undefined) return new CliError(`backup failed: ${status.error}`)
  if (isBreak)
    return new CliError(`the connection to the daemon broke off in the middle of the backup: ${messageOf(error)}`)
  return error
}

function count(report: (bytes: number) => void): { stream: Transform; bytes: () => number } {
  let bytes = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      report(bytes)
      done(null, chunk)
    },
  })
  return { stream, bytes: () => bytes }
}
