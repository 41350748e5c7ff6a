import type { ContainerSummary } from '#wire/index.ts'
import type { Listing, Row } from '../render/format.ts'
import { ago, ellipsis, goTime, humanSize, shortId } from '../render/units.ts'
import { displayPorts } from './ports-text.ts'

const COMMAND_WIDTH = 20
const MOUNT_WIDTH = 15

export const CONTAINER_LISTING: Listing = {
  headings: {
    ID: 'CONTAINER ID',
    Image: 'IMAGE',
    Command: 'COMMAND',
    CreatedAt: 'CREATED AT',
    RunningFor: 'CREATED',
    Ports: 'PORTS',
    State: 'STATE',
    Status: 'STATUS',
    Size: 'SIZE',
    Names: 'NAMES',
    Labels: 'LABELS',
    Mounts: 'MOUNTS',
    LocalVolumes: 'LOCAL VOLUMES',
    Networks: 'NETWORKS',
  },
  columns: ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'],
  quiet: 'ID',
}

/** A container as `ps` shows it. */
export function containerRow(container: ContainerSummary, options: { trunc: boolean; now?: number }): Row {
  const { trunc, now = Date.now() } = options
  const created = container.Created * 1000
  const labels = container.Labels ?? {}
  const names = container.Names.map(name => name.replace(/^\//, ''))
  const own = trunc ? names.filter(name => !name.includes('/')) : names
  const mounts = (container.Mounts ?? []).map(mount => mount.Name || mount.Source).filter(name => name)
  return {
    ID: trunc ? shortId(container.Id) : container.Id,
    Names: own.join(','),
    Image: imageText(container, trunc),
    Command: JSON.stringify(trunc ? ellipsis(container.Command, COMMAND_WIDTH) : container.Command),
    CreatedAt: goTime(created),
    RunningFor: ago(created, now),
    Ports: displayPorts(container.Ports ?? []),
    Platform: null,
    State: container.State,
    Status: container.Status,
    Size: sizeText(container),
    Labels: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Label: (name: unknown) => labels[String(name)] ?? '',
    Mounts: mounts.map(name => (trunc ? ellipsis(name, MOUNT_WIDTH) : name)).join(','),
    LocalVolumes: String((container.Mounts ?? []).filter(mount => mount.Driver === 'local').length),
    Networks: Object.keys(container.NetworkSettings?.Networks ?? {})
      .sort()
      .join(','),
  }
}

function imageText(container: ContainerSummary, trunc: boolean): string {
  if (container.Image === '') return '<no image>'
  if (!trunc) return container.Image
  // A container of an image without a name shows the id, like its own.
  return /^(sha256:)?[\da-f]{64}$/.test(container.Image)
    ? shortId(container.Image)
    : container.Image.replace(/@sha256:.*/, '')
}

function sizeText(container: ContainerSummary): string {
  const own = humanSize(container.SizeRw ?? 0, 3)
  return container.SizeRootFs ? `${own} (virtual ${humanSize(container.SizeRootFs, 3)})` : own
}
