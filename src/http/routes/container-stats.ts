import { invalid, isKind } from '#lib/errors.ts'
import { isAlive } from '#model/container-state.ts'
import type { Context } from '../context.ts'
import type { Needs } from '../needs.ts'
import { emptyStats, statsJson } from '../render/stats.ts'
import type { Route } from '../router.ts'

/** Milliseconds between lines. */
const INTERVAL = 1000

/** `GET /containers/{id}/stats` */
export function containerStatsRoutes({ containers, host, clock }: Needs): Route[] {
  return [{ method: 'GET', path: '/containers/{id}/stats', handle: stats }]

  async function stats(context: Context): Promise<void> {
    const stream = context.query.bool('stream', true)
    const oneShot = context.query.bool('one-shot')
    if (stream && oneShot) throw invalid('cannot have stream=true and one-shot=true')
    const { id } = containers.get(context.param('id'))
    if (!stream) return once(context, id, oneShot)
    context.begin('application/json')
    // A stopped container shows zeroes, as in Docker, and is watched until it runs again.
    try {
      while (!context.signal.aborted) {
        const record = containers.get(id)
        if (isAlive(record.state)) {
          for await (const sample of containers.stats(id, { stream, oneShot, signal: context.signal })) {
            await context.write(`${JSON.stringify(statsJson(containers.get(id), sample, host.cgroupVersion))}\n`)
          }
        } else await context.write(`${JSON.stringify(emptyStats(record))}\n`)
        await clock.sleep(INTERVAL, context.signal)
      }
    } catch (error) {
      // Removed meanwhile: the stream ends.
      if (!isKind(error, 'not-found')) throw error
    }
    context.end()
  }

  async function once(context: Context, id: string, oneShot: boolean): Promise<void> {
    const record = containers.get(id)
    if (!isAlive(record.state)) return context.json(200, emptyStats(record))
    for await (const sample of containers.stats(id, { stream: false, oneShot, signal: context.signal })) {
      return context.json(200, statsJson(record, sample, host.cgroupVersion))
    }
    context.json(200, emptyStats(record))
  }
}
