import { MEDIA } from '#codec/oci/manifest.ts'
import { settle } from './collect.ts'
import { timestamp } from './context.ts'
import { createImage } from './create.ts'
import { publish } from './events.ts'
import { familiarOf } from '#codec/oci/reference.ts'
import { targetReference } from './tag.ts'
import type { ImageDefaults } from '#codec/oci/config.ts'
import type { ImageRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { CommitOptions } from './service.ts'

/** Makes an image of a container's changes on top of the image it came from. */
export async function commit(ctx: ImagesContext, options: CommitOptions): Promise<ImageRecord> {
  const { parent } = options
  const tags = options.reference ? [targetReference(options.reference)] : []
  const created = timestamp(ctx.clock)
  const lease = await ctx.leases.openBlind()
  try {
    const blob = await ctx.content.ingest(() => ctx.snapshots.diff(options.snapshotKey))
    lease.hold(blob.digest)
    const { author, comment, createdBy } = options
    const history = {
      created,
      ...(author ? { author } : {}),
      ...(createdBy ? { created_by: createdBy } : {}),
      ...(comment ? { comment } : {}),
    }
    const below = parent.layers.map(({ mediaType, digest, blobSize }) => ({ mediaType, digest, size: blobSize }))
    const image = {
      created,
      author,
      comment,
      ...parent.platform,
      config: options.config as ImageDefaults,
      diffIds: [...parent.layers.map(layer => layer.diffId), blob.digest],
      history: [...parent.history, history],
    }
    const layer = { mediaType: MEDIA.ociLayer, ...blob }
    const record = await createImage(ctx, image, [...below, layer], { tags, parent: parent.id }, lease)
    for (const name of tags) publish(ctx, 'tag', record.id, familiarOf(name), record)
    return record
  } finally {
    await settle(ctx, lease)
  }
}
