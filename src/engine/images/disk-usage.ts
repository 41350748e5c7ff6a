import { summary } from './list.ts'
import type { ImagesContext } from './context.ts'
import type { ImageSummary } from './service.ts'

/** Bytes of all layers, each once, unpacked and as blobs. Answered from the records: no directory is walked. */
export function diskUsage(ctx: ImagesContext): { layersSize: number; images: ImageSummary[] } {
  const images = ctx.catalog.list()
  const sizes = new Map<string, number>()
  for (const image of images) {
    for (const layer of image.layers) {
      sizes.set(`layer ${layer.chainId}`, layer.size)
      sizes.set(`blob ${layer.digest}`, layer.blobSize)
    }
  }
  let layersSize = 0
  for (const size of sizes.values()) layersSize += size
  const summaries = images.map(image => ({ ...summary(ctx, image, true), containers: ctx.users(image.id).length }))
  return { layersSize, images: summaries }
}
