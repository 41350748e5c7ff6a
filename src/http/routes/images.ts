import { invalid, notImplemented } from '#lib/errors.ts'
import { commitConfig } from '#wire/container-create.ts'
import { platformRequest } from '#wire/image-request.ts'
import { adaptImageInspect, adaptImageSummary } from '#wire/versions.ts'
import type { IdResponse, ImageDeleteEntry, ImagesPruneResponse } from '#wire/index.ts'
import type { Needs } from '../needs.ts'
import { imageHistory, imageInspect, imageSummary } from '../render/image.ts'
import type { Route } from '../router.ts'
import { joinReference } from './reference.ts'

/** Images by name; moving them in and out is in `image-transfer.ts`. */
export function imageRoutes({ images, containers, space, host }: Needs): Route[] {
  return [
    {
      method: 'GET',
      path: '/images/json',
      async handle(context) {
        const { query, version } = context
        const filters = new Map(query.filters())
        // A parameter of its own once.
        if (version < 41 && query.text('filter') !== '') filters.set('reference', [query.text('filter')])
        const list = await images.list(filters, {
          all: query.bool('all'),
          sharedSize: query.bool('shared-size'),
        })
        context.json(
          200,
          list.map(summary => adaptImageSummary(version, imageSummary(summary))),
        )
      },
    },
    {
      method: 'GET',
      path: '/images/search',
      handle() {
        throw notImplemented('searching a registry is not supported: use its own web page or API')
      },
    },
    {
      method: 'POST',
      path: '/images/prune',
      async handle(context) {
        const { deleted, spaceReclaimed } = await images.prune(context.query.filters())
        space.compact()
        const response: ImagesPruneResponse = { ImagesDeleted: deleted, SpaceReclaimed: spaceReclaimed }
        context.json(200, response)
      },
    },
    {
      method: 'GET',
      path: '/images/{name...}/json',
      handle(context) {
        const platform = platformRequest(context.query.text('platform'))
        const image = images.resolve(context.param('name'), platform)
        context.json(200, adaptImageInspect(context.version, imageInspect(image, host)))
      },
    },
    {
      method: 'GET',
      path: '/images/{name...}/history',
      handle(context) {
        const platform = platformRequest(context.query.text('platform'))
        context.json(200, imageHistory(images.resolve(context.param('name'), platform)))
      },
    },
    {
      method: 'POST',
      path: '/images/{name...}/tag',
      handle(context) {
        const repository = context.query.text('repo')
        if (repository === '') throw invalid('invalid reference format: repo must not be empty')
        images.tag(context.param('name'), joinReference(repository, context.query.text('tag')))
        context.empty(201)
      },
    },
    {
      method: 'DELETE',
      path: '/images/{name...}',
      async handle(context) {
        const { query } = context
        const deleted: ImageDeleteEntry[] = await images.remove(context.param('name'), {
          force: query.bool('force'),
          noPrune: query.bool('noprune'),
        })
        context.json(200, deleted)
      },
    },
    {
      method: 'POST',
      path: '/commit',
      async handle(context) {
        const { query } = context
        const config = commitConfig(await context.body())
        if (query.text('container') === '') throw invalid('no container given: set the parameter container')
        const image = await containers.commit(query.text('container'), {
          repository: query.text('repo'),
          tag: query.text('tag'),
          comment: query.text('comment'),
          author: query.text('author'),
          changes: query.all('changes').flatMap(change => change.split('\n')),
          pause: query.bool('pause', true),
          config,
        })
        const response: IdResponse = { Id: image.id }
        context.json(201, response)
      },
    },
  ]
}
