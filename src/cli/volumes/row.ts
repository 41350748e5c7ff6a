import type { VolumeJson } from '#wire/index.ts'
import type { Listing, Row } from '../render/format.ts'
import { humanSize } from '../render/units.ts'

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
