import type { ImageSummary } from '#engine/images/index.ts'
import { ZERO_TIME } from '#lib/clock.ts'
import type { ImageRecord } from '#model/image.ts'
import type { ImageHistoryEntry, ImageInspect, ImageSummaryJson } from '#wire/index.ts'
import type { HostTraits } from '../needs.ts'

/** `docker.io/library/busybox:latest` as users know it: `busybox:latest`. */
export function familiarName(reference: string): string {
  return reference.replace(/^docker\.io\/(library\/)?/, '')
}

/** One entry of `GET /images/json`. */
export function imageSummary(summary: ImageSummary): ImageSummaryJson {
  const { image } = summary
  return {
    Id: image.id,
    ParentId: image.parent,
    RepoTags: image.tags.map(familiarName),
    RepoDigests: image.digests.map(familiarName),
    Created: seconds(image.created),
    Size: summary.size,
    SharedSize: summary.sharedSize,
    Labels: image.config.Labels ?? {},
    Containers: summary.containers,
  }
}

/** `GET /images/{name}/json` */
export function imageInspect(image: ImageRecord, host: HostTraits): ImageInspect {
  const top = image.layers.at(-1)
  return {
    Id: image.id,
    RepoTags: image.tags.map(familiarName),
    RepoDigests: image.digests.map(familiarName),
    Parent: image.parent,
    Comment: image.comment,
    Created: image.created,
    DockerVersion: '',
    Author: image.author,
    Config: image.config,
    Architecture: image.platform.architecture,
    ...(image.platform.variant && { Variant: image.platform.variant }),
    Os: image.platform.os,
    Size: image.layers.reduce((sum, layer) => sum + layer.size, 0),
    GraphDriver: { Data: (top && host.graphDriverData?.(top.chainId)) ?? {}, Name: 'overlay2' },
    RootFS: { Type: 'layers', Layers: image.layers.map(layer => layer.diffId) },
    Metadata: { LastTagTime: image.lastTagTime || ZERO_TIME },
  }
}

/** `GET /images/{name}/history`, newest first. Only the newest step has an id, as after a pull in Docker. */
export function imageHistory(image: ImageRecord): ImageHistoryEntry[] {
  let layer = 0
  const entries = image.history.map((step): ImageHistoryEntry => ({
    Id: '<missing>',
    Created: seconds(step.created ?? ''),
    CreatedBy: step.created_by ?? '',
    Tags: null,
    Size: step.empty_layer ? 0 : (image.layers[layer++]?.size ?? 0),
    Comment: step.comment ?? '',
  }))
  // An image without history still shows its layers.
  for (; layer < image.layers.length; layer++) {
    entries.push({
      Id: '<missing>',
      Created: seconds(image.created),
      CreatedBy: '',
      Tags: null,
      Size: image.layers[layer]!.size,
      Comment: '',
    })
  }
  entries.reverse()
  if (entries[0]) Object.assign(entries[0], { Id: image.id, Tags: image.tags.map(familiarName) })
  return entries
}

function seconds(time: string): number {
  const ms = Date.parse(time)
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000)
}
