import type { ImageRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'

/**
 * Publishes an image event as Docker shapes it.
 * @param subject `Actor.ID`: the image's id; for pull and push the reference
 * @param name attribute `name`
 */
export function publish(
  ctx: ImagesContext,
  action: string,
  subject: string,
  name: string,
  image?: Pick<ImageRecord, 'config'>,
): void {
  const attributes = { ...image?.config.Labels, name }
  ctx.publish({ Type: 'image', Action: action, Actor: { ID: subject, Attributes: attributes } })
}
