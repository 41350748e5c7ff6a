import { familiarOf, parseReference, referenceText, withDefaultTag } from '#codec/oci/reference.ts'
import { invalid } from '#lib/errors.ts'
import { timestamp } from './context.ts'
import { publish } from './events.ts'
import { resolve } from './resolve.ts'
import type { ImagesContext } from './context.ts'

/**
 * The normalized `name:tag` that an image is to get.
 * @throws invalid for a digest, which cannot be given
 */
export function targetReference(text: string): string {
  const reference = parseReference(text)
  if (reference.digest !== undefined) throw invalid(`refusing to create a tag with a digest reference: ${text}`)
  return referenceText(withDefaultTag(reference))
}

/** Gives an image one more name, taking it from whichever image has it. */
export function tag(ctx: ImagesContext, source: string, target: string): void {
  const reference = targetReference(target)
  const image = resolve(ctx.catalog, source)
  if (!image.tags.includes(reference)) {
    ctx.catalog.put({ ...image, tags: [...image.tags, reference], lastTagTime: timestamp(ctx.clock) })
  }
  publish(ctx, 'tag', image.id, familiarOf(reference), image)
}
