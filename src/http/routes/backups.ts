import { BerthError, invalid } from '#lib/errors.ts'
import { backupRequest, restoreRequest } from '#wire/backup-request.ts'
import { WITH_BASE } from '#wire/backups.ts'
import type { Context } from '../context.ts'
import type { Needs } from '../needs.ts'
import type { Route } from '../router.ts'

/** Bytes of a base's index, which is held in memory: some five million files. */
const MAX_BASE = 256 << 20

/** Berth's own: backups of volumes as streams, and restores that take an archive piece by piece. */
export function backupRoutes({ backups }: Needs): Route[] {
  return [
    {
      method: 'POST',
      path: '/berth/volumes/backup',
      async handle(context) {
        const { request, base } = await bodyOf(context)
        const { signal } = context
        const backup = await backups.start({ ...backupRequest(request), ...(base && { base }) })
        const { id, createdAt, stream, totalBytes } = backup
        // Its end may wait for a command in a container: whoever has gone is noticed all the same.
        const gone = () => stream.destroy(signal.reason as Error)
        if (signal.aborted) gone()
        signal.addEventListener('abort', gone, { once: true })
        await context.send(stream, 'application/octet-stream', {
          'Berth-Backup-Id': id,
          'Berth-Backup-Created': createdAt,
          'Berth-Backup-Bytes': String(totalBytes),
        })
      },
    },
    {
      method: 'GET',
      path: '/berth/backups/{id}',
      handle: context => context.json(200, backups.get(context.param('id'))),
    },
    {
      method: 'POST',
      path: '/berth/restores',
      async handle(context) {
        context.json(201, await backups.openRestore(restoreRequest(await context.body())))
      },
    },
    {
      method: 'GET',
      path: '/berth/restores/{id}',
      handle: context => context.json(200, backups.restore(context.param('id'))),
    },
    {
      method: 'PUT',
      path: '/berth/restores/{id}',
      async handle(context) {
        const offset = Number(context.query.text('offset') || 0)
        if (!Number.isSafeInteger(offset) || offset < 0) {
          throw invalid(`invalid offset ${context.query.text('offset')}: it must be a number of bytes`)
        }
        context.json(200, await backups.feed(context.param('id'), offset, context.upload()))
      },
    },
    {
      method: 'DELETE',
      path: '/berth/restores/{id}',
      async handle(context) {
        await backups.abort(context.param('id'))
        context.empty(204)
      },
    },
    {
      method: 'POST',
      path: '/berth/restores/{id}/next',
      handle: async context => context.json(200, await backups.next(context.param('id'))),
    },
    {
      method: 'POST',
      path: '/berth/restores/{id}/commit',
      handle: async context => context.json(200, await backups.commit(context.param('id'))),
    },
    {
      method: 'GET',
      path: '/berth/volumes/{name}/digest',
      handle: async context => context.json(200, { Digest: await backups.digest(context.param('name')) }),
    },
  ]
}

/** JSON, or a line of JSON and then the index of the base. */
async function bodyOf(context: Context): Promise<{ request: unknown; base?: Buffer }> {
  const type = context.request.headers['content-type']?.split(';', 1)[0]!.trim().toLowerCase()
  if (type !== WITH_BASE) return { request: await context.body() }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of context.upload() as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BASE) {
      throw new BerthError('too-large', `the index of the base is larger than ${MAX_BASE} bytes: make a full backup`)
    }
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks, size)
  const end = bytes.indexOf('\n')
  try {
    return {
      request: JSON.parse(bytes.toString('utf8', 0, Math.max(end, 0))) as unknown,
      base: bytes.subarray(end + 1),
    }
  } catch (cause) {
    throw invalid('invalid request: it must begin with a line of JSON', { cause })
  }
}
