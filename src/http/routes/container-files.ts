import { invalid } from '#lib/errors.ts'
import type { Context } from '../context.ts'
import type { Needs } from '../needs.ts'
import { pathStatHeader } from '../render/path-stat.ts'
import type { Route } from '../router.ts'

const TAR = 'application/x-tar'
const STAT_HEADER = 'X-Docker-Container-Path-Stat'

/** Files in and out of containers. */
export function containerFileRoutes({ containers }: Needs): Route[] {
  return [
    {
      method: 'HEAD',
      path: '/containers/{id}/archive',
      async handle(context) {
        const stat = await containers.archiveStat(context.param('id'), pathOf(context))
        context.response.setHeader(STAT_HEADER, pathStatHeader(stat))
        context.empty(200)
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/archive',
      async handle(context) {
        const { stat, tar } = await containers.archiveGet(context.param('id'), pathOf(context))
        await context.send(tar, TAR, { [STAT_HEADER]: pathStatHeader(stat) })
      },
    },
    {
      method: 'PUT',
      path: '/containers/{id}/archive',
      async handle(context) {
        const path = pathOf(context)
        await containers.archivePut(context.param('id'), path, context.upload(), {
          noOverwriteDirNonDir: context.query.bool('noOverwriteDirNonDir'),
          copyUidGid: context.query.bool('copyUIDGID'),
        })
        context.empty(200)
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/export',
      async handle(context) {
        await context.send(await containers.export(context.param('id')), 'application/octet-stream')
      },
    },
  ]
}

function pathOf({ query }: Context): string {
  const path = query.text('path')
  if (path === '') throw invalid('bad parameter: path cannot be empty')
  if (path.includes('\0')) throw invalid('bad parameter: path has a NUL byte')
  return path
}
