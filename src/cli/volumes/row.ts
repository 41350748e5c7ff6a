import type { DeletedVolumeJson, VolumeJson } from '#wire/index.ts'
import type { Listing, Row } from '../render/format.ts'
import { ago, humanDuration, humanSize } from '../render/units.ts'

export const VOLUME_LISTING: Listing = {
  headings: {
    Driver: 'DRIVER',
    Name: 'VOLUME NAME',
    Mountpoint: 'MOUNTPOINT',
    Scope: 'SCOPE',
    Labels: 'LABELS',
    Links: 'LINKS',
    Size: 'SIZE',
  },
  columns: ['Driver', 'Name'],
  quiet: 'Name',
}

export const VOLUME_LISTING_SIZED: Listing = { ...VOLUME_LISTING, columns: ['Driver', 'Name', 'Links', 'Size'] }

export const DELETED_LISTING: Listing = {
  headings: {
    ID: 'ID',
    Name: 'NAME',
    Driver: 'DRIVER',
    Deleted: 'DELETED',
    Expires: 'EXPIRES',
    Size: 'SIZE',
    Labels: 'LABELS',
  },
  columns: ['ID', 'Name', 'Deleted', 'Expires', 'Size'],
  quiet: 'ID',
}

export function deletedRow({ id, volume, deletedAt, expiresAt, size }: DeletedVolumeJson, now = Date.now()): Row {
  return {
    ID: id,
    Name: volume.name,
    Driver: volume.driver,
    Deleted: ago(Date.parse(deletedAt), now),
    Expires: expiresAt <= now ? 'now' : `in ${humanDuration(expiresAt - now).toLowerCase()}`,
    Size: humanSize(size),
    Labels: Object.entries(volume.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  }
}

export function volumeRow(volume: VolumeJson): Row {
  const labels = volume.Labels ?? {}
  const usage = volume.UsageData
  return {
    Driver: volume.Driver,
    Name: volume.Name,
    Mountpoint: volume.Mountpoint,
    Scope: volume.Scope,
    Labels: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Label: (name: unknown) => labels[String(name)] ?? '',
    Links: usage ? String(usage.RefCount) : 'N/A',
    Size: usage && usage.Size >= 0 ? humanSize(usage.Size) : 'N/A',
    Availability: 'N/A',
    Group: 'N/A',
    Status: 'N/A',
  }
}
