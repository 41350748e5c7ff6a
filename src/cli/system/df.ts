import type { DiskUsage } from '#wire/index.ts'
import { defineCommand, FORMAT_HELP } from '../core/command.ts'
import { containerRow } from '../containers/row.ts'
import { imageRows } from '../images/row.ts'
import { printRows, type Listing, type Row } from '../render/format.ts'
import { table } from '../render/table.ts'
import { humanSize } from '../render/units.ts'
import { volumeRow } from '../volumes/row.ts'

const LISTING: Listing = {
  headings: { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' },
  columns: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'],
}

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    format: { type: 'string', help: FORMAT_HELP },
    verbose: { type: 'bool', short: 'v', help: 'Show detailed information on space usage' },
  },
  async run(context, { flags }) {
    const usage = await context.client.system.diskUsage()
    if (flags.verbose) context.stdout.write(verbose(usage, context.columns))
    else printRows(context, usageRows(usage), LISTING, { format: flags.format })
  },
})

function summary(type: string, total: number, active: number, size: number, free: number): Row {
  const percent = size > 0 ? ` (${Math.floor((free / size) * 100)}%)` : ''
  return {
    Type: type,
    TotalCount: String(total),
    Active: String(active),
    Size: humanSize(size),
    Reclaimable: `${humanSize(free)}${percent}`,
  }
}

/** The four lines of `system df`. */
export function usageRows(usage: DiskUsage): Row[] {
  const images = usage.Images ?? []
  const containers = usage.Containers ?? []
  const volumes = usage.Volumes ?? []
  const layers = usage.LayersSize ?? 0
  const used = images.filter(image => image.Containers > 0)
  // Layers that used images share are counted with each: what they hold is at most that.
  const inUse = used.reduce((sum, image) => sum + image.Size - Math.max(0, image.SharedSize), 0)
  const isRunning = (state: string) => state === 'running' || state === 'paused' || state === 'restarting'
  const sum = <T>(items: readonly T[], size: (item: T) => number) =>
    items.reduce((total, item) => total + Math.max(0, size(item)), 0)
  const running = containers.filter(container => isRunning(container.State))
  const stopped = containers.filter(container => !isRunning(container.State))
  const free = volumes.filter(volume => volume.UsageData?.RefCount === 0)
  return [
    summary('Images', images.length, used.length, layers, Math.max(0, used.length === 0 ? layers : layers - inUse)),
    summary(
      'Containers',
      containers.length,
      running.length,
      sum(containers, c => c.SizeRw ?? 0),
      sum(stopped, c => c.SizeRw ?? 0),
    ),
    summary(
      'Local Volumes',
      volumes.length,
      volumes.length - free.length,
      sum(volumes, v => v.UsageData?.Size ?? 0),
      sum(free, v => v.UsageData?.Size ?? 0),
    ),
    summary('Build Cache', (usage.BuildCache ?? []).length, 0, 0, 0),
  ]
}

function verbose(usage: DiskUsage, columns: number | undefined): string {
  const cells = (rows: readonly Row[], fields: readonly string[]) =>
    rows.map(row => fields.map(field => String(row[field] ?? '')))
  const images = (usage.Images ?? []).map(image => imageRows(image, { trunc: true, digests: false })[0]!)
  const containers = (usage.Containers ?? []).map(container =>
    containerRow({ ...container, SizeRootFs: 0 }, { trunc: true }),
  )
  const volumes = (usage.Volumes ?? []).map(volumeRow)
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
  ].join('\n')
}
