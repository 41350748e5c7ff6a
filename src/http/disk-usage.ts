import { invalid } from '#lib/errors.ts'
import { adaptContainerSummary, adaptImageSummary } from '#wire/versions.ts'
import type { DiskUsage, VolumeJson } from '#wire/index.ts'
import type { Needs } from './needs.ts'
import { containerSummary } from './render/container.ts'
import { imageNamer } from './render/image-name.ts'
import { imageSummary } from './render/image.ts'
import { volumeJson } from './render/volume.ts'

const TYPES = ['container', 'image', 'volume', 'build-cache']

/** `GET /system/df`; no `types` means all. @throws invalid for an unknown type */
export async function diskUsage(needs: Needs, version: number, types: readonly string[]): Promise<DiskUsage> {
  for (const type of types) if (!TYPES.includes(type)) throw invalid(`unknown object type: ${type}`)
  const wants = (type: string) => types.length === 0 || types.includes(type)
  const [images, containers, volumes] = await Promise.all([
    wants('image') ? imagePart(needs, version) : {},
    wants('container') ? containerPart(needs, version) : {},
    wants('volume') ? volumePart(needs) : {},
  ])
  return { ...images, ...containers, ...volumes, ...(wants('build-cache') && { BuildCache: [] }) }
}

async function imagePart({ images }: Needs, version: number): Promise<Partial<DiskUsage>> {
  const { layersSize, images: list } = await images.diskUsage()
  return { LayersSize: layersSize, Images: list.map(summary => adaptImageSummary(version, imageSummary(summary))) }
}

async function containerPart(needs: Needs, version: number): Promise<Partial<DiskUsage>> {
  const views = await needs.containers.list(new Map(), { all: true, limit: 0, size: true })
  const nameOf = imageNamer(needs.images)
  const now = needs.clock.now()
  return {
    Containers: views.map(view => adaptContainerSummary(version, containerSummary(view, nameOf(view.record), now))),
  }
}

async function volumePart({ volumes, containers }: Needs): Promise<Partial<DiskUsage>> {
  const users = new Map<string, number>()
  for (const { record } of await containers.list(new Map(), { all: true, limit: 0, size: false })) {
    const names = new Set(record.mounts.flatMap(mount => (mount.Type === 'volume' && mount.Name) || []))
    for (const name of names) users.set(name, (users.get(name) ?? 0) + 1)
  }
  const list = await Promise.all(
    volumes.list(new Map()).map(async (volume): Promise<VolumeJson> => {
      // A volume whose server does not answer must not take the others' figures away.
      const Size = await volumes.usage(volume.name).catch(() => -1)
      return { ...volumeJson(volume), UsageData: { Size, RefCount: users.get(volume.name) ?? 0 } }
    }),
  )
  return { Volumes: list }
}
