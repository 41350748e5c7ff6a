import type { BerthUsage, DiskUsage } from '#wire/index.ts'
import type { Listing, Row } from '../render/format.ts'
import { humanSize } from '../render/units.ts'

export const USAGE_LISTING: Listing = {
  headings: { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' },
  columns: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'],
}

/** The four lines of Docker's `system df`, and then those that only Berth has. */
export function usageRows(usage: DiskUsage): Row[] {
  const containers = usage.Containers ?? []
  const volumes = usage.Volumes ?? []
  const isRunning = (state: string) => state === 'running' || state === 'paused' || state === 'restarting'
  const running = containers.filter(container => isRunning(container.State))
  const stopped = containers.filter(container => !isRunning(container.State))
  const free = volumes.filter(volume => volume.UsageData?.RefCount === 0)
  return [
    imageRow(usage),
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
    ...(usage.Berth ? ownRows(usage.Berth) : []),
  ]
}

function imageRow({ Images: images = [], LayersSize: layers = 0, Berth: own }: DiskUsage): Row {
  const used = images.filter(image => image.Containers > 0)
  // Docker's own sum: it counts what used images share as free.
  const inUse = sum(used, image => image.Size - Math.max(0, image.SharedSize))
  return summary('Images', images.length, used.length, layers, own?.ImagesReclaimable ?? Math.max(0, layers - inUse))
}

function ownRows({ Logs: logs, Trash: trash, PartialPulls, Other }: BerthUsage): Row[] {
  const running = logs.filter(log => log.Running)
  const size = (log: { Size: number }) => log.Size
  const ended = logs.filter(log => !log.Running)
  return [
    summary('Logs', logs.length, running.length, sum(logs, size), sum(ended, size)),
    summary('Trash', trash.length, 0, sum(trash, size), sum(trash, size)),
    summary('Partial Pulls', PartialPulls > 0 ? 1 : 0, 0, PartialPulls, PartialPulls),
    summary('Other', 1, 1, Other, 0),
  ]
}

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

/** A size of -1 is not known. */
function sum<T>(items: readonly T[], size: (item: T) => number): number {
  return items.reduce((total, item) => total + Math.max(0, size(item)), 0)
}
