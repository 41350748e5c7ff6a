import type { StatsSample } from '#engine/containers/index.ts'
import { invalid } from '#lib/errors.ts'
import type { Context } from '../context.ts'
import type { Needs } from '../needs.ts'
import { emptyStats, statsJson } from '../render/stats.ts'
import type { Route } from '../router.ts'

/** `GET /containers/{id}/stats`; of a container that does not run, the shape with nothing in it, as in Docker. */
export function containerStatsRoutes({ containers, host }: Needs): Route[] {
  return [{ method: 'GET', path: '/containers/{id}/stats', handle: stats }]

  async function stats(context: Context): Promise<void> {
    const stream = context.query.bool('stream', true)
    const oneShot = context.query.bool('one-shot')
    if (stream && oneShot) throw invalid('cannot have stream=true and one-shot=true')
    const { id, name } = containers.get(context.param('id'))
    const samples = containers.stats(id, { stream, oneShot, signal: context.signal })
    const render = (sample: StatsSample) =>
      sample.read === 0n ? emptyStats({ id, name }) : statsJson({ id, name }, sample, host.cgroupVersion)
    if (stream) context.begin('application/json')
    for await (const sample of samples) {
      if (!stream) return context.json(200, render(sample))
      await context.write(`${JSON.stringify(render(sample))}\n`)
    }
    if (stream) context.end()
    else context.json(200, emptyStats({ id, name }))
  }
}
