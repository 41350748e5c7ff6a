import { nameOf } from '#codec/oci/reference.ts'
import { meter } from './meter.ts'
import type { ImagesContext } from './context.ts'
import type { Source } from './fetch-blob.ts'
import type { OnProgress } from './service.ts'

export type Target = Source

/** Uploads one blob unless the registry has it; mounts it from a repository there that we know has it. */
export async function pushLayer(
  ctx: ImagesContext,
  target: Target,
  blob: { digest: string; size: number; id: string },
  onProgress: OnProgress,
): Promise<void> {
  const { endpoint, reference, auth, signal } = target
  const { digest, size, id } = blob
  const progressDetail = {}
  if (await ctx.registry.hasBlob(endpoint, reference.path, digest, auth)) {
    onProgress({ status: 'Layer already exists', progressDetail, id })
    return
  }
  const mountFrom = knownRepository(ctx, target, digest)
  let mounted = false
  await ctx.registry.pushBlob(endpoint, reference.path, { digest, size, open: () => ctx.content.open(digest) }, auth, {
    ...(mountFrom ? { mountFrom } : {}),
    ...(signal ? { signal } : {}),
    onProgress: meter(ctx.clock, onProgress, { status: 'Pushing', id, total: size }),
    onMounted: () => (mounted = true),
  })
  onProgress({ status: mounted ? `Mounted from ${mountFrom}` : 'Pushed', progressDetail, id })
}

/** Another repository of the same registry from which an image with this blob was pulled, or to which it was pushed. */
function knownRepository(ctx: ImagesContext, { reference }: Target, digest: string): string | undefined {
  const prefix = `${reference.domain}/`
  const own = `${nameOf(reference)}@`
  for (const image of ctx.catalog.list()) {
    const known = image.digests.find(name => name.startsWith(prefix) && !name.startsWith(own))
    if (!known || !(image.id === digest || image.layers.some(layer => layer.digest === digest))) continue
    return known.slice(prefix.length, known.indexOf('@'))
  }
  return undefined
}
