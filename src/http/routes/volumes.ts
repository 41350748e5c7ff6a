import { volumeCreateRequest } from '#wire/volume-request.ts'
import type { VolumeListResponse, VolumesPruneResponse } from '#wire/index.ts'
import type { Needs } from '../needs.ts'
import { volumeJson } from '../render/volume.ts'
import type { Route } from '../router.ts'

/** Before this version, prune took named volumes too. */
const PRUNE_ANONYMOUS_ONLY = 42

/** Milliseconds that the size of one volume may take. */
const MEASURE = 1000

export function volumeRoutes({ volumes, space, clock }: Needs): Route[] {
  return [
    {
      method: 'GET',
      path: '/volumes',
      async handle(context) {
        const { volumes: views, warnings } = await volumes.listViews(context.query.filters())
        const response: VolumeListResponse = {
          Volumes: views.map(({ volume, scope }) => volumeJson(volume, { scope })),
          Warnings: warnings.length > 0 ? warnings : null,
        }
        context.json(200, response)
      },
    },
    {
      method: 'POST',
      path: '/volumes/create',
      async handle(context) {
        const request = volumeCreateRequest(await context.body())
        context.json(201, volumeJson(await volumes.create(request)))
      },
    },
    {
      method: 'POST',
      path: '/volumes/prune',
      async handle(context) {
        const filters = new Map(context.query.filters())
        if (context.version < PRUNE_ANONYMOUS_ONLY && !filters.has('all')) filters.set('all', ['true'])
        const { deleted, spaceReclaimed } = await volumes.prune(filters)
        space.compact()
        const response: VolumesPruneResponse = { VolumesDeleted: deleted, SpaceReclaimed: spaceReclaimed }
        context.json(200, response)
      },
    },
    {
      method: 'GET',
      path: '/volumes/{name}',
      async handle(context) {
        const { volume, scope, status } = await volumes.view(context.param('name'))
        const more = { scope, ...(status && { status }) }
        if (!context.query.bool('usage')) return context.json(200, volumeJson(volume, more))
        const late = clock.sleep(MEASURE).then(() => -1)
        const size = await Promise.race([late, volumes.usage(volume.name).catch(() => -1)])
        context.json(200, volumeJson(volume, { ...more, size, users: volumes.users(volume.name) }))
      },
    },
    {
      method: 'DELETE',
      path: '/volumes/{name}',
      async handle(context) {
        await volumes.remove(context.param('name'), { force: context.query.bool('force') })
        context.empty(204)
      },
    },
  ]
}
