import { familiarName, familiarText, nameOf, parseReference, withDefaultTag } from '#codec/oci/reference.ts'
import { invalid } from '#lib/errors.ts'
import { settle } from './collect.ts'
import { endpointsFor } from './endpoints.ts'
import { publish } from './events.ts'
import { fetchImage } from './pull-image.ts'
import { isFinal, pullError } from './pull-errors.ts'
import type { Reference } from '#codec/oci/reference.ts'
import type { ImageRecord } from '#model/image.ts'
import type { RegistryAuth, RegistryEndpoint } from '#ports/registry.ts'
import type { ImagesContext } from './context.ts'
import type { OnProgress, PullOptions } from './service.ts'

/**
 * Fetches an image, or all tags of a repository. Those who pull the same at the same time share the work; it ends when
 * the last of them has gone, and what was fetched so far is used by the next attempt.
 * @throws not-found, unauthenticated in Docker's words
 */
export async function pull(ctx: ImagesContext, options: PullOptions, onProgress: OnProgress): Promise<ImageRecord> {
  const named = parseReference(options.reference)
  if (!options.allTags) return await pullShared(ctx, withDefaultTag(named), options, onProgress)
  if (named.tag !== undefined || named.digest !== undefined) {
    throw invalid("tag can't be used with --all-tags/-a")
  }
  const tags = await anyOf(ctx, named, options.auth, (endpoint, auth) =>
    ctx.registry.tags(endpoint, named.path, auth, options.signal ? { signal: options.signal } : {}),
  )
  let last: ImageRecord | undefined
  for (const tag of tags) last = await pullShared(ctx, { ...named, tag }, options, onProgress)
  if (!last) throw pullError(new Error('repository has no tags'), named, options.auth)
  return last
}

async function pullShared(
  ctx: ImagesContext,
  reference: Reference,
  options: PullOptions,
  onProgress: OnProgress,
): Promise<ImageRecord> {
  // Who may not see an image must not get it through the work of one who may.
  const key = JSON.stringify([familiarText(reference), options.platform, options.auth])
  const image = await ctx.pulls.run(key, onProgress, options.signal, (emit, signal) =>
    pullOne(ctx, reference, { ...options, signal }, emit),
  )
  return image
}

async function pullOne(
  ctx: ImagesContext,
  reference: Reference,
  options: PullOptions & { signal: AbortSignal },
  onProgress: OnProgress,
): Promise<ImageRecord> {
  const lease = await ctx.leases.open()
  try {
    const image = await anyOf(ctx, reference, options.auth, async (endpoint, auth) => {
      const source = { endpoint, reference, auth, signal: options.signal }
      return await fetchImage(ctx, source, options.platform, lease, onProgress)
    })
    publish(ctx, 'pull', familiarText(reference), familiarName(reference), image)
    await settle(ctx, lease)
    return image
  } catch (error) {
    // Whole blobs stay for the next attempt; a sweep takes them if none comes.
    await settle(ctx, lease, { keepBlobs: true })
    if (options.signal.aborted) throw error
    throw pullError(error, reference, options.auth)
  }
}

/**
 * Asks each place in turn: whatever is wrong with a mirror, the next may do. Credentials are for the registry itself
 * and not shown to its mirrors.
 */
async function anyOf<T>(
  ctx: ImagesContext,
  reference: Reference,
  auth: RegistryAuth | undefined,
  ask: (endpoint: RegistryEndpoint, auth: RegistryAuth | undefined) => Promise<T>,
): Promise<T> {
  const endpoints = endpointsFor(reference.domain, ctx.registries ?? {}, 'pull')
  for (const endpoint of endpoints.slice(0, -1)) {
    try {
      return await ask(endpoint, undefined)
    } catch (error) {
      if (isFinal(error)) throw error
      ctx.log.info('mirror does not serve the image', { mirror: endpoint.host, image: nameOf(reference), error })
    }
  }
  return await ask(endpoints.at(-1)!, auth)
}
