import { defineCommand } from '../core/command.ts'
import { confirm } from '../core/confirm.ts'
import { DRY_RUN, printPreview } from '../system/prune-preview.ts'
import { humanSize } from '../render/units.ts'
import type { ImageDeleteEntry } from '#wire/index.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    all: { type: 'bool', short: 'a', help: 'Remove all unused images, not just dangling ones' },
    'dry-run': DRY_RUN,
    filter: { type: 'filter', help: 'Provide filter values (e.g. "until=<timestamp>")' },
    force: { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
  },
  async run(context, { flags }) {
    const filters = { ...flags.filter, dangling: [flags.all ? 'false' : 'true'] }
    if (flags['dry-run']) return printPreview(context, { images: filters })
    const what = flags.all ? 'all images without at least one container associated to them' : 'all dangling images'
    const question = `WARNING! This will remove ${what}.\nAre you sure you want to continue?`
    if (!flags.force && !(await confirm(context, question))) return
    const { ImagesDeleted, SpaceReclaimed } = await context.client.images.prune(filters)
    if (ImagesDeleted?.length) context.print(`Deleted Images:\n${deletedLines(ImagesDeleted)}\n`)
    context.print(`Total reclaimed space: ${humanSize(SpaceReclaimed)}`)
  },
})

export function deletedLines(entries: readonly ImageDeleteEntry[]): string {
  return entries
    .map(({ Untagged, Deleted }) => (Untagged === undefined ? `deleted: ${Deleted}` : `untagged: ${Untagged}`))
    .join('\n')
}
