import type { PrunePreview } from '#engine/space/index.ts'
import type { PrunePreviewJson } from '#wire/index.ts'
import { familiarName } from './image.ts'

/** `GET /berth/system/prune` */
export function prunePreviewJson(preview: PrunePreview): PrunePreviewJson {
  const { containers, networks, volumes, images, partial, trash, reclaimable } = preview
  return {
    Containers: containers.map(({ record, size }) => ({ Id: record.id, Name: record.name, Size: size })),
    Networks: networks.map(({ id, name }) => ({ Id: id, Name: name })),
    Volumes: volumes.remove.map(({ name, size, reason }) => ({ Name: name, Size: size, Reason: reason })),
    VolumesKept: volumes.keep.map(({ name, reason }) => ({ Name: name, Reason: reason })),
    Images: images.map(({ image, size }) => ({
      Id: image.id,
      Names: [...image.tags, ...image.digests].map(familiarName),
      Size: size,
    })),
    PartialPulls: partial,
    Trash: trash.map(({ id, volume, size }) => ({ Id: id, Name: volume.name, Size: size })),
    SpaceReclaimable: reclaimable,
  }
}
