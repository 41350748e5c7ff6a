import type { Progress } from '#engine/images/index.ts'
import { invalid, notImplemented } from '#lib/errors.ts'
import { bootstrapRequest, platformRequest, registryAuth } from '#wire/image-request.ts'
import type { Context } from '../context.ts'
import { jsonLines } from '../json-stream.ts'
import type { Needs } from '../needs.ts'
import type { Route } from '../router.ts'
import { hasTag, joinReference } from './reference.ts'

const TAR = 'application/x-tar'

/** Images in and out: registries, tar files, the package mirror of a distribution. */
export function imageTransferRoutes({ images }: Needs): Route[] {
  return [
    {
      method: 'POST',
      path: '/images/create',
      handle: context => (context.query.text('fromImage') !== '' ? pull(context) : importTar(context)),
    },
    {
      method: 'POST',
      path: '/images/{name...}/push',
      handle(context) {
        const tag = context.query.text('tag')
        const reference = joinReference(context.param('name'), tag)
        return jsonLines(context, push =>
          images.push(
            {
              reference,
              allTags: !hasTag(reference),
              auth: authOf(context),
              platform: platformRequest(context.query.text('platform')),
              signal: context.signal,
            },
            push,
          ),
        )
      },
    },
    {
      method: 'POST',
      path: '/images/load',
      handle(context) {
        const platform = platformRequest(context.query.text('platform'))
        const quiet = context.query.bool('quiet')
        return jsonLines(context, async push => {
          // Quiet leaves out the bars, not the names of what was loaded.
          const onProgress = (line: Progress) => {
            if (!quiet || line.stream !== undefined) push(line)
          }
          await images.load(context.upload(), onProgress, { platform })
        })
      },
    },
    {
      method: 'GET',
      path: '/images/get',
      handle(context) {
        return save(context, context.query.all('names'))
      },
    },
    {
      method: 'GET',
      path: '/images/{name...}/get',
      handle: context => save(context, [context.param('name')]),
    },
    {
      method: 'POST',
      path: '/berth/images/bootstrap',
      async handle(context) {
        const request = bootstrapRequest(await context.body())
        await jsonLines(
          context,
          async push => {
            await images.bootstrap({ ...request, signal: context.signal }, push)
          },
          { atOnce: true },
        )
      },
    },
  ]

  function pull(context: Context): Promise<void> {
    const { query } = context
    // A colon at the end is how old clients ask for all tags.
    const name = query.text('fromImage').replace(/:$/, '')
    const reference = joinReference(name, query.text('tag'))
    const options = {
      reference,
      allTags: !hasTag(reference),
      auth: authOf(context),
      platform: platformRequest(query.text('platform')),
      signal: context.signal,
    }
    return jsonLines(context, async push => {
      await images.pull(options, push)
    })
  }

  function importTar(context: Context): Promise<void> {
    const { query } = context
    const source = query.text('fromSrc')
    if (source === '') throw invalid('no image given: set fromImage to pull, or fromSrc to import')
    if (source !== '-') throw notImplemented(`importing from a URL is not supported: download ${source} and send it`)
    const repository = query.text('repo')
    return jsonLines(context, async push => {
      const image = await images.import(context.upload(), {
        reference: repository === '' ? undefined : joinReference(repository, query.text('tag')),
        message: query.text('message') || undefined,
        changes: query.all('changes'),
        platform: platformRequest(query.text('platform')),
      })
      push({ status: image.id })
    })
  }

  async function save(context: Context, names: string[]): Promise<void> {
    if (names.length === 0) throw invalid('no image given: set names')
    const platform = platformRequest(context.query.text('platform'))
    await context.send(await images.save(names, { platform }), TAR)
  }
}

function authOf({ request }: Context) {
  const header = request.headers['x-registry-auth']
  return registryAuth(Array.isArray(header) ? header[0] : header)
}
