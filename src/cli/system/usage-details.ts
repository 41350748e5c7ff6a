import type { BerthUsage, DiskUsage, MeasuredJson } from '#wire/index.ts'
import { containerRow } from '../containers/row.ts'
import { imageRows } from '../images/row.ts'
import type { Row } from '../render/format.ts'
import { table } from '../render/table.ts'
import { ago, humanDuration, humanSize, shortId } from '../render/units.ts'
import { volumeRow } from '../volumes/row.ts'

/**
 * `system df -v`: Docker's tables, and then those that only Berth has.
 *
 * @param now milliseconds since the epoch
 */
export function usageDetails(usage: DiskUsage, { columns, now }: { columns: number | undefined; now: number }): string {
  const cells = (rows: readonly Row[], fields: readonly string[]) =>
    rows.map(row => fields.map(field => String(row[field] ?? '')))
  const images = (usage.Images ?? []).map(image => imageRows(image, { trunc: true, digests: false })[0]!)
  const containers = (usage.Containers ?? []).map(container =>
    aged(containerRow({ ...container, SizeRootFs: 0 }, { trunc: true }), container.Measured, now),
  )
  const volumes = (usage.Volumes ?? []).map(volume => aged(volumeRow(volume), volume.Measured, now))
  return [
    'Images space usage:\n',
    table(
      [
        ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE', 'SHARED SIZE', 'UNIQUE SIZE', 'CONTAINERS'],
        ...cells(images, ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size', 'SharedSize', 'UniqueSize', 'Containers']),
      ],
      columns,
    ),
    'Containers space usage:\n',
    table(
      [
        ['CONTAINER ID', 'IMAGE', 'COMMAND', 'LOCAL VOLUMES', 'SIZE', 'CREATED', 'STATUS', 'NAMES'],
        ...cells(containers, ['ID', 'Image', 'Command', 'LocalVolumes', 'Size', 'RunningFor', 'Status', 'Names']),
      ],
      columns,
    ),
    'Local Volumes space usage:\n',
    table([['VOLUME NAME', 'LINKS', 'SIZE'], ...cells(volumes, ['Name', 'Links', 'Size'])], columns),
    'Build cache usage: 0B\n',
    ...(usage.Berth ? ownTables(usage.Berth, columns, now) : []),
  ].join('\n')
}

/** A size that may have changed since says how old it is. */
function aged(row: Row, measured: MeasuredJson | undefined, now: number): Row {
  if (!measured?.Stale) return row
  return { ...row, Size: `${String(row['Size'])} (${ago(Date.parse(measured.At), now).toLowerCase()})` }
}

function ownTables(
  { Logs, Trash, PartialPulls, Other }: BerthUsage,
  columns: number | undefined,
  now: number,
): string[] {
  const logs = Logs.map(log => [shortId(log.ContainerId), humanSize(log.Size), log.ContainerName])
  const trash = Trash.map(({ Id, Name, Size, DeletedAt, ExpiresAt }) => [
    Id,
    Name,
    humanSize(Math.max(0, Size)),
    ago(Date.parse(DeletedAt), now),
    `in ${humanDuration(Math.max(0, Date.parse(ExpiresAt) - now)).toLowerCase()}`,
  ])
  return [
    'Logs space usage:\n',
    table([['CONTAINER ID', 'SIZE', 'NAMES'], ...logs], columns),
    'Trash space usage:\n',
    table([['DELETED ID', 'VOLUME NAME', 'SIZE', 'DELETED', 'EXPIRES'], ...trash], columns),
    `Partial pulls usage: ${humanSize(PartialPulls)}\n`,
    `Other usage: ${humanSize(Other)}\n`,
  ]
}
