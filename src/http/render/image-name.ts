import type { ImagesService } from '#engine/images/index.ts'
import type { ContainerRecord } from '#model/container.ts'

/**
 * What a list shows for a container's image: the name it was created with, or the image's id when that name means
 * another image by now. Each name is looked up once; make one for each list.
 */
export function imageNamer(images: ImagesService): (record: ContainerRecord) => string {
  const ids = new Map<string, string | undefined>()
  return ({ config, imageId }) => {
    const name = config.Image
    if (!ids.has(name)) ids.set(name, idOf(images, name))
    return ids.get(name) === imageId ? name : imageId
  }
}

function idOf(images: ImagesService, name: string): string | undefined {
  try {
    return images.resolve(name).id
  } catch {
    return undefined
  }
}
