import { invalid } from '#lib/errors.ts'
import { authRequest } from '#wire/image-request.ts'
import type { Context } from '../context.ts'
import { diskUsage } from '../disk-usage.ts'
import type { Needs } from '../needs.ts'
import { eventLine } from '../render/event.ts'
import { prunePreviewJson } from '../render/prune-preview.ts'
import type { Route } from '../router.ts'

export function systemRoutes(needs: Needs): Route[] {
  const { system, events } = needs
  return [
    { method: 'GET', path: '/_ping', handle: ping },
    { method: 'HEAD', path: '/_ping', handle: ping },
    {
      method: 'GET',
      path: '/info',
      async handle(context) {
        context.json(200, await system.info())
      },
    },
    {
      method: 'GET',
      path: '/version',
      handle(context) {
        context.json(200, system.version())
      },
    },
    {
      method: 'POST',
      path: '/auth',
      async handle(context) {
        context.json(200, await system.checkAuth(authRequest(await context.body())))
      },
    },
    {
      method: 'GET',
      path: '/system/df',
      async handle(context) {
        context.json(200, await diskUsage(needs, context.version, context.query.all('type')))
      },
    },
    {
      method: 'GET',
      path: '/berth/system/prune',
      async handle(context) {
        const { query } = context
        const part = (key: 'containers' | 'networks' | 'volumes' | 'images') =>
          query.has(key) ? { [key]: query.filters(key) } : {}
        const request = { ...part('containers'), ...part('networks'), ...part('volumes'), ...part('images') }
        const preview = await needs.space.planPrune({ ...request, trash: query.bool('trash') })
        context.json(200, prunePreviewJson(preview))
      },
    },
    {
      method: 'GET',
      path: '/events',
      async handle(context) {
        const { query } = context
        const since = query.time('since')
        const until = query.time('until')
        if (since !== undefined && until !== undefined && since > until) {
          throw invalid('`since` time cannot be after `until` time')
        }
        const stream = events.stream(query.filters(), { since, until, signal: context.signal })
        context.begin('application/json')
        for await (const event of stream) await context.write(eventLine(event))
        context.end()
      },
    },
  ]
}

function ping(context: Context): void {
  const { response } = context
  response.setHeader('Builder-Version', '1')
  response.setHeader('Swarm', 'inactive')
  response.setHeader('Cache-Control', 'no-cache, no-store, must-revalidate')
  response.setHeader('Pragma', 'no-cache')
  context.text(200, 'text/plain; charset=utf-8', 'OK')
}
