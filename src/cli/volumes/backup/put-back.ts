import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError, messageOf } from '#lib/errors.ts'
import type { RestoreProgress } from '#model/backup.ts'
import type { RestoreRequest } from '#wire/backups.ts'
import type { Context } from '../../core/context.ts'
import type { Input } from './input.ts'
import { meter } from './meter.ts'

/** Times that a broken connection to the daemon is taken up again without any progress. */
const ATTEMPTS = 5
/** Milliseconds before it is. */
const PAUSE = 1000

/**
 * Feeds a chain of archives, the full one first, to a restore, and commits it.
 *
 * @throws what went wrong; the daemon has given everything back then
 */
export async function putBack(
  context: Context,
  inputs: readonly Input[],
  request: RestoreRequest,
  options: { quiet: boolean; signal: AbortSignal },
): Promise<RestoreProgress> {
  const { backups } = context.client
  const { signal } = options
  signal.throwIfAborted()
  const { id } = await backups.openRestore(request)
  let size = -1
  const stop = meter(context, options.quiet, async () => {
    const { offset, files } = await backups.restoreStatus(id)
    return { bytes: offset, total: size, note: `${files} files` }
  })
  try {
    for (const [i, input] of inputs.entries()) {
      size = await input.size()
      await feed(context, id, input, signal)
      if (i < inputs.length - 1) await backups.next(id)
    }
    signal.throwIfAborted()
    return await backups.commit(id)
  } catch (error) {
    await backups.abort(id).catch(() => {})
    throw error
  } finally {
    stop()
  }
}

async function feed(context: Context, id: string, input: Input, signal: AbortSignal): Promise<void> {
  const { backups } = context.client
  let offset = 0
  for (let attempt = 1; ; attempt++) {
    const source = await input.open(offset)
    const stop = () => source.destroy(signal.reason as Error)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    try {
      await backups.feed(id, offset, source)
      return
    } catch (error) {
      signal.throwIfAborted()
      // What reading the source failed with is what counts, not what the daemon made of it.
      if (source.errored && !isBroken(source.errored)) throw source.errored
      if (!isBroken(error) || attempt >= ATTEMPTS) throw error
      await sleep(PAUSE, undefined, { signal })
      const { offset: reached } = await backups.restoreStatus(id)
      if (reached > offset) attempt = 0
      offset = reached
      context.warn(`the connection to the daemon broke off (${messageOf(error)}): going on at byte ${offset}`)
    } finally {
      signal.removeEventListener('abort', stop)
      source.destroy()
    }
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof BerthError && error.details['connection'] === true
}
