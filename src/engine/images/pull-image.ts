import { chainIds, parseConfig } from '#codec/oci/config.ts'
import { parseManifest } from '#codec/oci/manifest.ts'
import { isRunnable } from '#codec/oci/manifest.ts'
import { pickPlatform, platformRank, platformText } from '#codec/oci/platform.ts'
import { familiarText, nameOf, referenceText } from '#codec/oci/reference.ts'
import { invalid, notFound } from '#lib/errors.ts'
import { Readable } from 'node:stream'
import { Limit } from '#lib/limit.ts'
import { fetchBlob } from './fetch-blob.ts'
import { meter } from './meter.ts'
import { register } from './register.ts'
import type { Manifest } from '#codec/oci/manifest.ts'
import type { ImageRecord, Platform } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { Source } from './fetch-blob.ts'
import type { Lease } from './leases.ts'
import type { OnProgress } from './service.ts'

const PARALLEL = 3
const CONFIG_LIMIT = 8 << 20
export const shortDigest = (digest: string): string => digest.slice(7, 19)

interface FoundManifest {
  manifest: Manifest
  digest: string
  body: Buffer
  /** Of what the reference itself names: the index, if it is one. */
  topDigest: string
}

/** Fetches one image from one registry and records it. */
export async function fetchImage(
  ctx: ImagesContext,
  source: Source,
  platform: Platform | undefined,
  lease: Lease,
  onProgress: OnProgress,
): Promise<ImageRecord> {
  const { reference } = source
  const found = await findManifest(ctx, source, platform)
  onProgress({ status: `Pulling from ${reference.path}`, id: reference.digest ?? reference.tag! })
  const { manifest, digest, topDigest } = found
  lease.hold(digest)
  await fetchBlob(ctx, source, { digest, size: found.body.length }, lease, {
    open: async offset => Readable.from([found.body.subarray(offset)]),
  })
  await fetchBlob(ctx, source, manifest.config, lease)
  const config = parseConfig(await ctx.content.read(manifest.config.digest, CONFIG_LIMIT))
  if (platform && platformRank(platform, config) === undefined) {
    throw notFound(
      `image with reference ${familiarText(reference)} was found but does not match the specified platform: ` +
        `wanted ${platformText(platform)}, actual: ${platformText(config)}`,
    )
  }

  const before = reference.digest ? undefined : ctx.catalog.byReference(referenceText(reference))
  const downloads = download(ctx, source, manifest, chainIds(config.diffIds), lease, onProgress)
  const stored = {
    manifestDigest: digest,
    configDigest: manifest.config.digest,
    layers: manifest.layers,
    tags: reference.digest ? [] : [referenceText(reference)],
    digests: [`${nameOf(reference)}@${topDigest}`],
  }
  let image: ImageRecord
  try {
    const meters = manifest.layers.map(({ digest, size }) =>
      meter(ctx.clock, onProgress, { status: 'Extracting', id: shortDigest(digest), total: size }),
    )
    const known = manifest.layers.map((_, i) => downloads.isPresent[i]!)
    image = await register(ctx, stored, lease, {
      ready: index => downloads.done[index]!,
      onUnpack: (index, bytes) => meters[index]!(bytes),
      onDone(index) {
        if (!known[index])
          onProgress({ status: 'Pull complete', progressDetail: {}, id: shortDigest(stored.layers[index]!.digest) })
      },
    })
  } catch (error) {
    // The other downloads end before anyone may start them anew.
    downloads.stop()
    await Promise.allSettled(downloads.done)
    throw error
  }
  onProgress({ status: `Digest: ${topDigest}` })
  const name = familiarText(reference)
  const same = before?.id === image.id || (reference.digest !== undefined && downloads.isPresent.every(Boolean))
  onProgress({
    status: same ? `Status: Image is up to date for ${name}` : `Status: Downloaded newer image for ${name}`,
  })
  return image
}

async function findManifest(
  ctx: ImagesContext,
  source: Source,
  platform: Platform | undefined,
): Promise<FoundManifest> {
  const { endpoint, reference, auth, signal } = source
  const get = (ref: string) => ctx.registry.manifest(endpoint, reference.path, ref, auth, signal ? { signal } : {})
  let answer = await get(reference.digest ?? reference.tag!)
  const topDigest = answer.digest
  for (let depth = 0; depth < 4; depth++) {
    const manifest = parseManifest(answer.body, answer.mediaType)
    if (manifest.kind === 'manifest') return { manifest, digest: answer.digest, body: answer.body, topDigest }
    const wanted = platform ?? ctx.platform
    const entry = pickPlatform(wanted, manifest.manifests.filter(isRunnable))
    if (!entry) {
      throw notFound(`no matching manifest for ${platformText(wanted)} in the manifest list entries`, {
        details: { code: 'NO_PLATFORM' },
      })
    }
    answer = await get(entry.digest)
  }
  throw invalid(`image ${familiarText(reference)} has indexes nested more than 4 deep`)
}

interface Downloads {
  /** One for each layer; a failure is seen when its turn comes. */
  done: Promise<void>[]
  isPresent: boolean[]
  stop: () => void
}

function download(
  ctx: ImagesContext,
  source: Source,
  manifest: Manifest,
  chain: readonly string[],
  lease: Lease,
  onProgress: OnProgress,
): Downloads {
  const controller = new AbortController()
  const signal = source.signal ? AbortSignal.any([source.signal, controller.signal]) : controller.signal
  const limit = new Limit(PARALLEL)
  const isPresent = manifest.layers.map(
    (layer, i) => ctx.catalog.uses(layer.digest) > 0 && ctx.snapshots.exists(chain[i] ?? ''),
  )
  // An image that is here already is not gone through layer by layer.
  const emit: OnProgress =
    ctx.catalog.get(manifest.config.digest) && isPresent.every(Boolean) ? () => {} : line => onProgress(line)
  const fetches = new Map<string, Promise<void>>()
  const done = manifest.layers.map((layer, i) => {
    const id = shortDigest(layer.digest)
    const progressDetail = {}
    emit({ status: isPresent[i] ? 'Already exists' : 'Pulling fs layer', progressDetail, id })
    if (isPresent[i]) lease.hold(layer.digest)
    if (!isPresent[i] && limit.isFull) onProgress({ status: 'Waiting', progressDetail, id })
    const fetch =
      fetches.get(layer.digest) ??
      (isPresent[i]
        ? Promise.resolve()
        : limit.run(() => {
            signal.throwIfAborted()
            const report = meter(ctx.clock, onProgress, { status: 'Downloading', id, total: layer.size })
            return fetchBlob(ctx, { ...source, signal }, layer, lease, { report, onProgress })
          }))
    fetches.set(layer.digest, fetch)
    return fetch
  })
  for (const fetch of done) fetch.catch(() => {})
  return { done, isPresent, stop: () => controller.abort() }
}
