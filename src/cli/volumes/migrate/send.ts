import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError, isKind } from '#lib/errors.ts'
import type { RestoreProgress } from '#model/backup.ts'
import { isBroken, type Link } from './link.ts'
import type { Window } from './window.ts'

/** Milliseconds between two questions how much has arrived. */
const ASK_EVERY = 150

/** The far daemon knows nothing of the restore any more: it was started anew, or a very long time has passed. */
export class SessionLost extends Error {}

/** Sends the whole stream to a restore on the far side, over as many connections as it takes. */
export async function feed(link: Link, id: string, window: Window, onArrived: (bytes: number) => void): Promise<void> {
  for (let offset = 0; ;) {
    try {
      await link.once(async (client, signal) => {
        const over = new AbortController()
        const until = AbortSignal.any([over.signal, signal])
        const body = Readable.from(window.from(offset, until), { objectMode: false, highWaterMark: 1 << 20 })
        const asking = ask(until, async () => {
          const { offset } = await client.backups.restoreStatus(id)
          window.acknowledge(offset)
          onArrived(offset)
        })
        try {
          await client.backups.feed(id, offset, body)
        } finally {
          over.abort(new BerthError('cancelled', 'this is over'))
          body.destroy()
          await asking
        }
      })
      return
    } catch (error) {
      if (window.failure) throw window.failure
      if (isKind(error, 'not-found')) throw new SessionLost()
      if (!isBroken(error) && !isKind(error, 'conflict')) throw error
      if (isBroken(error)) link.renew()
      const status = await statusOf(link, id)
      // A restore that failed says why; a conflict was about the place to go on from.
      if (status.state !== 'open') throw isBroken(error) ? failureOf(status) : error
      offset = status.offset
      window.acknowledge(offset)
    }
  }
}

/** Puts the volume in its place. When it returns, that is certain. */
export async function commit(link: Link, id: string): Promise<RestoreProgress> {
  for (;;) {
    try {
      return await link.once(client => client.backups.commit(id))
    } catch (error) {
      if (isKind(error, 'not-found')) throw new SessionLost()
      if (!isBroken(error) && !isKind(error, 'conflict')) throw error
      if (isBroken(error)) link.renew()
      const status = await statusOf(link, id)
      if (status.state === 'done') return status
      if (status.state === 'failed') throw isBroken(error) ? failureOf(status) : error
      // Asked before, on a connection that broke: it is being done.
      await sleep(500)
    }
  }
}

async function statusOf(link: Link, id: string): Promise<RestoreProgress> {
  try {
    return await link.persist(client => client.backups.restoreStatus(id))
  } catch (error) {
    if (isKind(error, 'not-found')) throw new SessionLost()
    throw error
  }
}

function failureOf({ error = 'it does not say why' }: RestoreProgress): BerthError {
  return new BerthError('system', `the far side gave up: ${error}`)
}

async function ask(until: AbortSignal, look: () => Promise<void>): Promise<void> {
  while (!until.aborted) {
    await look().catch(() => {})
    await sleep(ASK_EVERY, undefined, { signal: until }).catch(() => {})
  }
}
