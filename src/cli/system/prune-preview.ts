import type { PrunePreviewRequest } from '#client/index.ts'
import type { PrunePreviewJson } from '#wire/index.ts'
import type { Context } from '../core/context.ts'
import { table } from '../render/table.ts'
import { humanSize, shortId } from '../render/units.ts'

export const DRY_RUN = { type: 'bool', help: 'Show what would be removed, and remove nothing' } as const

/** `--dry-run` of the prunes: asks what would go, and prints it. */
export async function printPreview(context: Context, request: PrunePreviewRequest): Promise<void> {
  context.stdout.write(previewText(await context.client.system.prunePreview(request), context.columns))
}

export function previewText(preview: PrunePreviewJson, columns?: number): string {
  const size = (bytes: number) => (bytes < 0 ? 'N/A' : humanSize(bytes))
  const parts = [
    part(
      'Containers',
      preview.Containers.map(one => [shortId(one.Id), one.Name, size(one.Size)]),
      columns,
    ),
    part(
      'Networks',
      preview.Networks.map(one => [shortId(one.Id), one.Name]),
      columns,
    ),
    part(
      'Volumes',
      preview.Volumes.map(one => [one.Name, size(one.Size), one.Reason]),
      columns,
    ),
    part(
      'Images',
      preview.Images.map(one => [shortId(one.Id), one.Names.join(', ') || '<none>', size(one.Size)]),
      columns,
    ),
    part(
      'Deleted volumes in the trash',
      preview.Trash.map(one => [one.Id, one.Name, size(one.Size)]),
      columns,
    ),
    preview.PartialPulls > 0 ? `Would remove unfinished downloads: ${size(preview.PartialPulls)}\n` : '',
  ].filter(text => text !== '')
  if (parts.length === 0) return 'Nothing would be removed\n'
  return `${parts.join('\n')}\nTotal reclaimable space: ${humanSize(preview.SpaceReclaimable)}\n`
}

function part(what: string, rows: string[][], columns: number | undefined): string {
  return rows.length === 0 ? '' : `Would remove ${what}:\n${table(rows, columns)}`
}
