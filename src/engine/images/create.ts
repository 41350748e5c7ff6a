import { writeConfig } from '#codec/oci/config.ts'
import { MEDIA, writeManifest } from '#codec/oci/manifest.ts'
import { storeBytes } from './blobs.ts'
import { register } from './register.ts'
import type { ImageConfig } from '#codec/oci/config.ts'
import type { Descriptor } from '#codec/oci/manifest.ts'
import type { ImageRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { Lease } from './leases.ts'

/** Makes an image from a configuration and layers that are blobs already. */
export async function createImage(
  ctx: ImagesContext,
  config: ImageConfig,
  layers: readonly Descriptor[],
  names: { tags: string[]; parent?: string },
  lease: Lease,
): Promise<ImageRecord> {
  const bytes = writeConfig(config)
  const configDigest = await storeBytes(ctx, bytes, lease)
  const descriptor = { mediaType: MEDIA.ociConfig, digest: configDigest, size: bytes.length }
  const manifestDigest = await storeBytes(ctx, writeManifest(descriptor, layers), lease)
  return await register(ctx, { manifestDigest, configDigest, layers: [...layers], ...names }, lease)
}
