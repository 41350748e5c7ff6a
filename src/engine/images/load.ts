import { familiarOf } from '#codec/oci/reference.ts'
import { settle } from './collect.ts'
import { publish } from './events.ts'
import { readArchive } from './load-archive.ts'
import { spool } from './load-spool.ts'
import { register } from './register.ts'
import type { ImageRecord, Platform } from '#model/image.ts'
import type { Readable } from 'node:stream'
import type { ImagesContext } from './context.ts'
import type { ArchivedImage } from './load-archive.ts'
import type { Lease } from './leases.ts'
import type { OnProgress } from './service.ts'

/**
 * Reads images from a tar as `docker save` (any version) or an OCI layout has them, plain, gzip or zstd.
 * @throws invalid naming what is wrong with the archive; images before it stay loaded
 */
export async function load(
  ctx: ImagesContext,
  tar: Readable,
  onProgress: OnProgress,
  options: { platform?: Platform } = {},
): Promise<ImageRecord[]> {
  const lease = await ctx.leases.openBlind()
  try {
    const spooled = await spool(ctx, tar, lease)
    const archived = await readArchive(ctx, spooled, options.platform ?? ctx.platform, lease)
    const images: ImageRecord[] = []
    for (const image of archived) images.push(await loadOne(ctx, image, onProgress, lease))
    return images
  } finally {
    await settle(ctx, lease)
  }
}

async function loadOne(ctx: ImagesContext, image: ArchivedImage, onProgress: OnProgress, lease: Lease) {
  const renamed = image.tags.flatMap(tag => {
    const owner = ctx.catalog.byReference(tag)
    return owner && owner.id !== image.configDigest ? [{ tag, owner }] : []
  })
  const record = await register(ctx, image, lease, {
    onUnpack(index, bytes) {
      const layer = image.layers[index]!
      const progressDetail = { current: Math.min(bytes, layer.size), total: layer.size }
      onProgress({ status: 'Loading layer', progressDetail, id: layer.digest.slice(7, 19) })
    },
  })
  for (const { tag, owner } of renamed) {
    onProgress({
      stream: `The image ${familiarOf(tag)} already exists, renaming the old one with ID ${owner.id} to empty string\n`,
    })
  }
  for (const tag of image.tags) onProgress({ stream: `Loaded image: ${familiarOf(tag)}\n` })
  if (image.tags.length === 0) onProgress({ stream: `Loaded image ID: ${record.id}\n` })
  publish(ctx, 'load', record.id, record.id, record)
  return record
}
