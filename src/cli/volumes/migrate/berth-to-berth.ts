import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BackupStream } from '#client/index.ts'
import { isKind, messageOf } from '#lib/errors.ts'
import type { BackupSummary } from '#model/backup.ts'
import { CliError } from '../../core/command.ts'
import type { Context } from '../../core/context.ts'
import type { Link } from './link.ts'
import { commit, feed, SessionLost } from './send.ts'
import type { Job, Moved, Report } from './job.ts'
import { Window } from './window.ts'

/** Times that everything is sent anew because the far daemon was started anew. */
const TIMES = 5
/** Milliseconds in which a restore under way takes something in. */
const STILL = 4000

/** From this Berth to that: the archive of a backup is fed to a restore there, and what is on that disk is read again. */
export async function berthToBerth(context: Context, link: Link, job: Job, report: Report): Promise<Moved> {
  for (let time = 1; ; time++) {
    try {
      return await once(context, link, job, report)
    } catch (error) {
      if (await standsStill(link, error)) continue
      if (!(error instanceof SessionLost)) throw error
      if (time === TIMES)
        throw new CliError(`${link.address} forgot ${time} times what it had been sent: look at its log`)
      report.say('the daemon there was started anew: sending everything again')
    }
  }
}

/**
 * A restore in our way may be what a command left that was killed: it would be given up in a quarter of an hour. One that
 * takes nothing in for some seconds is given up now.
 */
async function standsStill(link: Link, error: unknown): Promise<boolean> {
  const id = /is being restored already \(restore ([0-9a-f]+)\)/.exec(messageOf(error))?.[1]
  if (id === undefined) return false
  const look = async () => {
    const { state, offset } = await link.persist(client => client.backups.restoreStatus(id))
    return `${state} ${offset}`
  }
  try {
    const before = await look()
    await sleep(STILL)
    if ((await look()) !== before || !before.startsWith('open')) return false
    await link.persist(client => client.backups.abort(id))
    return true
  } catch (gone) {
    if (isKind(gone, 'not-found')) return true
    throw gone
  }
}

async function once(context: Context, link: Link, job: Job, report: Report): Promise<Moved> {
  const { backups } = context.client
  const { signal } = job
  const request = { Volumes: [job.name], Format: job.format, Pause: job.pause, ...(job.level && { Level: job.level }) }
  const session = await link.persist(client =>
    client.backups.openRestore({ Rename: { [job.name]: job.as }, Replace: job.replace }),
  )
  let backup: BackupStream | undefined
  let placed = false
  try {
    backup = await backups.start(request, undefined, signal)
    report.total(backup.totalBytes)
    const window = new Window(backup.stream as AsyncIterable<Buffer>)
    const state = meanwhile(async () => report.read((await backups.status(backup!.id)).bytes))
    try {
      await feed(link, session.id, window, bytes => report.arrived(bytes))
    } finally {
      state()
    }
    const summary = await summaryOf(context, backup)
    const digest = summary.treeDigests[0] ?? ''
    const done = await placing(link, session.id, job, digest)
    placed = true
    report.say('checking what is on the disk there')
    const there = await link.persist(client => client.backups.digest(job.as))
    report.say('')
    if (there !== digest) {
      throw new CliError(
        `volume ${job.as} at ${link.address} is not what was sent (digest ${there}, not ${digest}): it is left there to be looked at, and volume ${job.name} here is as it was`,
      )
    }
    const { files, bytes, storedBytes, changedWhileRead } = summary
    return {
      digest,
      files: done?.files ?? files,
      bytes,
      sentBytes: storedBytes,
      changed: changedWhileRead,
      notKept: [],
      unchanged: async () => (await backups.digest(job.name)) === digest,
      close: async () => {},
    }
  } catch (error) {
    ;(backup?.stream as Readable | undefined)?.destroy()
    if (!placed && !(error instanceof SessionLost)) await giveUp(link, session.id)
    throw await reason(context, backup, error)
  }
}

/** The far daemon may end between having done it and saying so: what lies there tells. */
async function placing(link: Link, id: string, job: Job, digest: string) {
  try {
    return await commit(link, id)
  } catch (error) {
    if (!(error instanceof SessionLost)) throw error
    const there = await link.persist(client => client.backups.digest(job.as)).catch(() => undefined)
    if (there !== digest) throw error
    return undefined
  }
}

async function summaryOf(context: Context, { id }: BackupStream): Promise<BackupSummary> {
  const { summary, error } = await context.client.backups.status(id)
  if (!summary) throw new CliError(`reading the volume failed: ${error ?? 'the daemon here does not say why'}`)
  return summary
}

/** Nothing of it stays there; where it cannot be told, it is given up in a quarter of an hour. */
async function giveUp(link: Link, id: string): Promise<void> {
  const patience = AbortSignal.timeout(5000)
  const over = new Promise(resolve => patience.addEventListener('abort', resolve, { once: true }))
  await Promise.race([link.client.backups.abort(id).catch(() => {}), over])
}

/** A stream that breaks says nothing; the daemon that made it does. */
async function reason(context: Context, backup: BackupStream | undefined, error: unknown): Promise<unknown> {
  const code = (error as NodeJS.ErrnoException)?.code ?? ''
  if (!backup || !['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'].includes(code)) return error
  const status = await context.client.backups.status(backup.id).catch(() => undefined)
  return new CliError(`reading the volume failed: ${status?.error ?? messageOf(error)}`)
}

function meanwhile(look: () => Promise<void>): () => void {
  const timer = setInterval(() => void look().catch(() => {}), 500)
  return () => clearInterval(timer)
}
