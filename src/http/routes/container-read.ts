import type { Filters } from '#model/filters.ts'
import { adaptContainerInspect, adaptContainerSummary } from '#wire/versions.ts'
import type { ContainerTopResponse } from '#wire/index.ts'
import type { Needs } from '../needs.ts'
import type { Query } from '../query.ts'
import { containerInspect, containerSummary } from '../render/container.ts'
import { imageNamer } from '../render/image-name.ts'
import type { Route } from '../router.ts'

/** Routes that only show. */
export function containerReadRoutes({ containers, images, host, clock }: Needs): Route[] {
  return [
    {
      method: 'GET',
      path: '/containers/json',
      async handle(context) {
        const { query, version } = context
        const limit = query.int('limit') ?? 0
        const views = await containers.list(listFilters(query), {
          // Docker shows stopped ones too when they are counted.
          all: query.bool('all') || limit > 0,
          limit: Math.max(0, limit),
          size: query.bool('size'),
        })
        const nameOf = imageNamer(images)
        const now = clock.now()
        const list = views.map(view => adaptContainerSummary(version, containerSummary(view, nameOf(view.record), now)))
        context.json(200, list)
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/json',
      async handle(context) {
        const view = await containers.view(context.param('id'), { size: context.query.bool('size') })
        const inspect = containerInspect(view, containers.execIds(view.record.id), host)
        context.json(200, adaptContainerInspect(context.version, inspect))
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/top',
      async handle(context) {
        const { titles, processes } = await containers.top(context.param('id'), context.query.text('ps_args') || '-ef')
        const response: ContainerTopResponse = { Titles: titles, Processes: processes }
        context.json(200, response)
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/changes',
      async handle(context) {
        context.json(200, await containers.changes(context.param('id')))
      },
    },
  ]
}

/** `before` and `since` were parameters of their own once. */
function listFilters(query: Query): Filters {
  const filters = new Map(query.filters())
  for (const key of ['before', 'since']) {
    if (query.text(key) !== '') filters.set(key, [query.text(key)])
  }
  return filters
}
