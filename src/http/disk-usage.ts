import type { SpaceReport, SpaceType } from '#engine/space/index.ts'
import { invalid } from '#lib/errors.ts'
import { isAlive } from '#model/container-state.ts'
import { adaptContainerSummary, adaptImageSummary } from '#wire/versions.ts'
import type { BerthUsage, DiskUsage, MeasuredJson, VolumeJson } from '#wire/index.ts'
import type { Needs } from './needs.ts'
import { containerSummary } from './render/container.ts'
import { imageNamer } from './render/image-name.ts'
import { imageSummary } from './render/image.ts'
import { volumeJson } from './render/volume.ts'

const TYPES = ['container', 'image', 'volume', 'build-cache']

/** `GET /system/df`; no `types` means all, and what only Berth tells. @throws invalid for an unknown type */
export async function diskUsage(needs: Needs, version: number, types: readonly string[]): Promise<DiskUsage> {
  for (const type of types) if (!TYPES.includes(type)) throw invalid(`unknown object type: ${type}`)
  const report = await needs.space.report(types.length === 0 ? undefined : new Set(types as SpaceType[]))
  return {
    ...imagePart(report, version),
    ...containerPart(needs, report, version),
    ...(report.volumes && { Volumes: report.volumes.map(volumePart) }),
    ...((types.length === 0 || types.includes('build-cache')) && { BuildCache: [] }),
    ...(types.length === 0 && { Berth: ownPart(report) }),
  }
}

function imagePart({ images }: SpaceReport, version: number): Partial<DiskUsage> {
  if (!images) return {}
  const list = images.images.map(summary => adaptImageSummary(version, imageSummary(summary)))
  return { LayersSize: images.layersSize, Images: list }
}

function containerPart(needs: Needs, { containers }: SpaceReport, version: number): Partial<DiskUsage> {
  if (!containers) return {}
  const nameOf = imageNamer(needs.images)
  const now = needs.clock.now()
  return {
    Containers: containers.map(view => ({
      ...adaptContainerSummary(version, containerSummary(view, nameOf(view.record), now)),
      Measured: measured(view),
    })),
  }
}

function volumePart(space: NonNullable<SpaceReport['volumes']>[number]): VolumeJson {
  const { volume, size, users, measuredAt } = space
  return {
    ...volumeJson(volume),
    UsageData: { Size: size, RefCount: users },
    ...(measuredAt !== undefined && { Measured: measured({ ...space, measuredAt }) }),
  }
}

function measured({ measuredAt, stale }: { measuredAt: number; stale: boolean }): MeasuredJson {
  return { At: new Date(measuredAt).toISOString(), Stale: stale }
}

function ownPart({ images, containers = [], trash = [], other = 0 }: SpaceReport): BerthUsage {
  return {
    ImagesReclaimable: images?.reclaimable ?? 0,
    PartialPulls: images?.partial ?? 0,
    Logs: containers
      .filter(({ record }) => record.logPath !== '')
      .map(({ record, logSize }) => ({
        ContainerId: record.id,
        ContainerName: record.name,
        Running: isAlive(record.state),
        Size: logSize,
      })),
    Trash: trash.map(({ id, volume, size, deletedAt, expiresAt }) => ({
      Id: id,
      Name: volume.name,
      Size: size,
      DeletedAt: deletedAt,
      ExpiresAt: new Date(expiresAt).toISOString(),
    })),
    Other: other,
  }
}
