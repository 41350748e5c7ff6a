import { chainIds, parseConfig } from '#codec/oci/config.ts'
import { normalizePlatform } from '#codec/oci/platform.ts'
import { invalid, kindOf } from '#lib/errors.ts'
import { timestamp } from './context.ts'
import { counted } from './streams.ts'
import type { ContainerConfig } from '#model/config.ts'
import type { ImageRecord, LayerRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { Lease } from './leases.ts'

/** An image whose blobs are all in the content store. */
export interface StoredImage {
  manifestDigest: string
  configDigest: string
  /** Bottom first. */
  layers: { digest: string; mediaType: string; size: number }[]
  /** Normalized references to give it. */
  tags?: string[]
  digests?: string[]
  parent?: string
}

export interface LayerWatch {
  /** Resolves when the layer's blob is there. */
  ready?(index: number): Promise<void>
  /** A layer that is here already is not unpacked. */
  onPresent?(index: number): void
  /** @param bytes of the blob so far */
  onUnpack?(index: number, bytes: number): void
  onDone?(index: number): void
}

const CONFIG_LIMIT = 8 << 20

/**
 * Unpacks the layers that are missing and records the image; one that is recorded already only gains names.
 * @throws invalid when configuration and layers do not belong together
 */
export async function register(
  ctx: ImagesContext,
  stored: StoredImage,
  lease: Lease,
  watch: LayerWatch = {},
): Promise<ImageRecord> {
  const config = parseConfig(await ctx.content.read(stored.configDigest, CONFIG_LIMIT))
  if (config.diffIds.length !== stored.layers.length) {
    throw invalid(
      `image ${stored.configDigest} has ${stored.layers.length} layers, its configuration names ${config.diffIds.length}`,
    )
  }
  const chain = chainIds(config.diffIds)
  for (const key of [stored.configDigest, stored.manifestDigest, ...chain]) lease.hold(key)

  const layers: LayerRecord[] = []
  for (const [i, blob] of stored.layers.entries()) {
    await watch.ready?.(i)
    const layer = { diffId: config.diffIds[i]!, chainId: chain[i]!, parent: chain[i - 1], digest: blob.digest }
    const size = await ensureLayer(ctx, i, layer, watch)
    const { diffId, chainId } = layer
    layers.push({ diffId, digest: blob.digest, mediaType: blob.mediaType, blobSize: blob.size, chainId, size })
    watch.onDone?.(i)
  }

  const known = ctx.catalog.get(stored.configDigest)
  const merged = (a: string[] = [], b: string[] = []) => Array.from(new Set([...a, ...b]))
  const record: ImageRecord = known
    ? { ...known, tags: merged(known.tags, stored.tags), digests: merged(known.digests, stored.digests) }
    : {
        id: stored.configDigest,
        tags: stored.tags ?? [],
        digests: stored.digests ?? [],
        manifestDigest: stored.manifestDigest,
        parent: stored.parent ?? '',
        created: config.created,
        platform: normalizePlatform(config),
        author: config.author,
        comment: config.comment,
        config: config.config as Partial<ContainerConfig>,
        history: config.history,
        layers,
        lastTagTime: '',
      }
  if (stored.tags?.length) record.lastTagTime = timestamp(ctx.clock)
  ctx.catalog.put(record)
  return record
}

/** @returns bytes on disk */
function ensureLayer(
  ctx: ImagesContext,
  index: number,
  layer: { diffId: string; chainId: string; parent: string | undefined; digest: string },
  watch: LayerWatch,
): Promise<number> {
  // Two images that share a layer may arrive at once: the second waits and finds it.
  return ctx.locks.run(`layer:${layer.chainId}`, async () => {
    if (ctx.snapshots.exists(layer.chainId)) {
      watch.onPresent?.(index)
      return ctx.catalog.layerSize(layer.chainId) ?? ctx.snapshots.usage(layer.chainId)
    }
    const blob = counted(await ctx.content.open(layer.digest), bytes => watch.onUnpack?.(index, bytes))
    try {
      return (await ctx.snapshots.unpack(layer.chainId, layer.parent, blob, undefined, layer.diffId)).size
    } catch (cause) {
      if (kindOf(cause) !== 'invalid') throw cause
      throw invalid(`layer ${index} of the image does not fit its configuration`, { cause })
    }
  })
}
