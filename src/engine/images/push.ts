import { familiarName, nameOf, parseReference, referenceText, withDefaultTag } from '#codec/oci/reference.ts'
import { parseManifest } from '#codec/oci/manifest.ts'
import { invalid, notFound, system } from '#lib/errors.ts'
import { blobsOf } from './catalog.ts'
import { settle } from './collect.ts'
import { endpointsFor } from './endpoints.ts'
import { publish } from './events.ts'
import { Limit } from '#lib/limit.ts'
import { pushLayer } from './push-layer.ts'
import type { Reference } from '#codec/oci/reference.ts'
import type { ImageRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { Target } from './push-layer.ts'
import type { OnProgress, PullOptions } from './service.ts'

const PARALLEL = 5

/** Uploads an image, or all tags of its repository. Blobs go as they came, so that digests stay the same. */
export async function push(ctx: ImagesContext, options: PullOptions, onProgress: OnProgress): Promise<void> {
  const named = parseReference(options.reference)
  if (named.digest !== undefined) throw invalid('cannot push a digest reference')
  const references = chosen(ctx, named, options.allTags ?? false)
  onProgress({ status: `The push refers to repository [${nameOf(named)}]` })
  const endpoint = endpointsFor(named.domain, ctx.registries ?? {}, 'push')[0]!
  for (const reference of references) {
    const target = { endpoint, reference, auth: options.auth, signal: options.signal }
    await pushOne(ctx, target, onProgress)
  }
}

function chosen(ctx: ImagesContext, named: Reference, all: boolean): Reference[] {
  const repository = nameOf(named)
  const tags = ctx.catalog.list().flatMap(image => image.tags.filter(tag => tag.startsWith(`${repository}:`)))
  if (tags.length === 0) {
    throw notFound(`An image does not exist locally with the tag: ${familiarName(named)}`)
  }
  if (all) return tags.sort().map(parseReference)
  const reference = withDefaultTag(named)
  if (!tags.includes(referenceText(reference))) {
    throw notFound(`tag does not exist: ${familiarName(named)}:${reference.tag!}`)
  }
  return [reference]
}

async function pushOne(ctx: ImagesContext, target: Target, onProgress: OnProgress): Promise<void> {
  const { endpoint, reference, auth, signal } = target
  const image = ctx.catalog.byReference(referenceText(reference))
  if (!image) throw notFound(`tag does not exist: ${familiarName(reference)}:${reference.tag!}`)
  const lease = await ctx.leases.open()
  for (const digest of blobsOf(image)) lease.hold(digest)
  try {
    const body = await ctx.content.read(image.manifestDigest)
    const manifest = parseManifest(body)
    if (manifest.kind !== 'manifest') throw system(`image ${image.id} has an index where its manifest should be`)
    await pushLayers(ctx, target, image, onProgress)
    await pushLayer(ctx, target, { ...manifest.config, id: '' }, () => {})
    const { mediaType } = manifest
    const digest = await ctx.registry.pushManifest(
      endpoint,
      reference.path,
      reference.tag!,
      { mediaType, body },
      auth,
      signal ? { signal } : {},
    )
    const size = body.length
    onProgress({ status: `${reference.tag!}: digest: ${digest} size: ${size}` })
    onProgress({ progressDetail: {}, aux: { Tag: reference.tag!, Digest: digest, Size: size } })
    remember(ctx, image, `${nameOf(reference)}@${digest}`)
    publish(ctx, 'push', `${familiarName(reference)}:${reference.tag!}`, familiarName(reference), image)
  } finally {
    await settle(ctx, lease)
  }
}

async function pushLayers(ctx: ImagesContext, target: Target, image: ImageRecord, onProgress: OnProgress) {
  const limit = new Limit(PARALLEL)
  // The same blob twice in an image is uploaded once.
  const layers = Array.from(new Map(image.layers.map(layer => [layer.digest, layer])).values())
  const ids = layers.map(layer => layer.diffId.slice(7, 19))
  for (const id of ids) onProgress({ status: 'Preparing', progressDetail: {}, id })
  const controller = new AbortController()
  const signal = target.signal ? AbortSignal.any([target.signal, controller.signal]) : controller.signal
  const uploads = layers.map((layer, i) => {
    if (limit.isFull) onProgress({ status: 'Waiting', progressDetail: {}, id: ids[i]! })
    return limit.run(async () => {
      signal.throwIfAborted()
      const blob = { digest: layer.digest, size: layer.blobSize, id: ids[i]! }
      await pushLayer(ctx, { ...target, signal }, blob, onProgress)
    })
  })
  try {
    await Promise.all(uploads)
  } catch (error) {
    controller.abort()
    await Promise.allSettled(uploads)
    throw error
  }
}

/** The image is known by the digest it has in the registry from now on, unless it was removed meanwhile. */
function remember(ctx: ImagesContext, image: ImageRecord, digest: string): void {
  const now = ctx.catalog.get(image.id)
  if (now && !now.digests.includes(digest)) ctx.catalog.put({ ...now, digests: [...now.digests, digest] })
}
