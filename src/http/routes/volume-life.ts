import {
  keepOf,
  volumeCloneRequest,
  volumePruneRequest,
  volumeRenameRequest,
  volumeRestoreRequest,
  volumeUpdateRequest,
} from '#wire/volume-life-request.ts'
import type { TrashEmptied, VolumeCloneLine, VolumePruneResponse } from '#wire/index.ts'
import { jsonLines } from '../json-stream.ts'
import type { Needs } from '../needs.ts'
import { volumeJson } from '../render/volume.ts'
import type { Route } from '../router.ts'

/** Berth's own verbs on volumes: rename, update, clone, prune by plan, the trash. */
export function volumeLifeRoutes({ volumes, backups, space }: Needs): Route[] {
  return [
    {
      method: 'POST',
      path: '/berth/volumes/{name}/rename',
      async handle(context) {
        const to = volumeRenameRequest(await context.body())
        const from = context.param('name')
        const renamed = await volumes.rename(from, to)
        backups.renamed(from, to)
        context.json(200, volumeJson(renamed))
      },
    },
    {
      method: 'POST',
      path: '/berth/volumes/{name}/update',
      async handle(context) {
        const change = volumeUpdateRequest(await context.body())
        context.json(200, volumeJson(await volumes.update(context.param('name'), change)))
      },
    },
    {
      method: 'POST',
      path: '/berth/volumes/{name}/clone',
      async handle(context) {
        const request = volumeCloneRequest(await context.body())
        await jsonLines(context, async push => {
          const line = (one: VolumeCloneLine) => push(one)
          const how = { onProgress: line, signal: context.signal }
          const { volume, method, live } = await volumes.clone(context.param('name'), request, how)
          line({ volume: volumeJson(volume), method, live })
        })
      },
    },
    {
      method: 'GET',
      path: '/berth/volumes/prune-plan',
      async handle(context) {
        context.json(200, await volumes.planPrune(context.query.filters()))
      },
    },
    {
      method: 'POST',
      path: '/berth/volumes/prune',
      async handle(context) {
        const { plan, keep } = volumePruneRequest(await context.body())
        const { deleted, trashed, kept, spaceReclaimed } = await volumes.applyPrune(plan, keep)
        space.compact()
        const response: VolumePruneResponse = {
          Deleted: deleted,
          Trashed: trashed,
          Kept: kept,
          SpaceReclaimed: spaceReclaimed,
        }
        context.json(200, response)
      },
    },
    {
      method: 'DELETE',
      path: '/berth/volumes/{name}',
      async handle(context) {
        const keep = keepOf(context.query.int('keep') ?? 0)
        await volumes.remove(context.param('name'), { force: context.query.bool('force'), keep })
        context.empty(204)
      },
    },
    {
      method: 'GET',
      path: '/berth/volumes/deleted',
      handle: context => context.json(200, volumes.deleted()),
    },
    {
      method: 'POST',
      path: '/berth/volumes/deleted/{id}/restore',
      async handle(context) {
        const as = volumeRestoreRequest(await context.body())
        context.json(200, volumeJson(await volumes.restoreDeleted(context.param('id'), as)))
      },
    },
    {
      method: 'POST',
      path: '/berth/volumes/deleted/empty',
      async handle(context) {
        context.json(200, emptied(await volumes.emptyTrash()))
      },
    },
    {
      method: 'DELETE',
      path: '/berth/volumes/deleted/{id}',
      async handle(context) {
        context.json(200, emptied(await volumes.emptyTrash(context.param('id'))))
      },
    },
  ]
}

function emptied({ deleted, spaceReclaimed }: { deleted: string[]; spaceReclaimed: number }): TrashEmptied {
  return { Deleted: deleted, SpaceReclaimed: spaceReclaimed }
}
