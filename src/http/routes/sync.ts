import { syncRequest } from '#wire/sync-request.ts'
import { jsonLines } from '../json-stream.ts'
import type { Needs } from '../needs.ts'
import type { Route } from '../router.ts'

/** Berth's own: a volume and a prefix of a bucket, made the same. */
export function syncRoutes({ sync }: Needs): Route[] {
  return [
    {
      method: 'POST',
      path: '/berth/volumes/{name}/sync',
      async handle(context) {
        const request = syncRequest(context.param('name'), await context.body())
        const { signal } = context
        await jsonLines(context, async push => void (await sync.run(request, push, signal)))
      },
    },
  ]
}
