import { MEDIA } from '#codec/oci/manifest.ts'
import { normalizePlatform } from '#codec/oci/platform.ts'
import { applyChanges } from './changes.ts'
import { settle } from './collect.ts'
import { timestamp } from './context.ts'
import { createImage } from './create.ts'
import { publish } from './events.ts'
import { decompressed } from './streams.ts'
import { targetReference } from './tag.ts'
import type { ContainerConfig } from '#model/config.ts'
import type { ImageRecord, Platform } from '#model/image.ts'
import type { Readable } from 'node:stream'
import type { ImagesContext } from './context.ts'

export interface ImportOptions {
  reference?: string
  message?: string
  changes?: string[]
  platform?: Platform
  config?: Partial<ContainerConfig>
  /** RFC 3339; now unless given. */
  created?: string
  createdBy?: string
}

/** Makes an image of one layer from the tar of a root filesystem (plain, gzip or zstd). */
export async function importTar(ctx: ImagesContext, tar: Readable, options: ImportOptions): Promise<ImageRecord> {
  const tags = options.reference ? [targetReference(options.reference)] : []
  const config = applyChanges(options.config ?? {}, options.changes ?? [])
  const created = options.created ?? timestamp(ctx.clock)
  const comment = options.message || 'Imported from -'
  const platform = normalizePlatform(options.platform ?? ctx.platform)
  const lease = await ctx.leases.openBlind()
  try {
    const layer = await ctx.content.ingest(() => decompressed(tar, 'root filesystem', ctx.decompress))
    lease.hold(layer.digest)
    const history = { created, comment, ...(options.createdBy ? { created_by: options.createdBy } : {}) }
    const image = {
      created,
      author: '',
      comment,
      ...platform,
      config,
      // The tar is stored as it is, so that its digest is the diff id too.
      diffIds: [layer.digest],
      history: [history],
    }
    const record = await createImage(
      ctx,
      image as Parameters<typeof createImage>[1],
      [{ mediaType: MEDIA.ociLayer, ...layer }],
      { tags },
      lease,
    )
    publish(ctx, 'import', record.id, record.id, record)
    return record
  } finally {
    tar.destroy()
    await settle(ctx, lease)
  }
}
