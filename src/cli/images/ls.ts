import { defineCommand, FORMAT_HELP } from '../core/command.ts'
import { printRows } from '../render/format.ts'
import { IMAGE_LISTING, imageRows } from './row.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  args: [0, 1],
  complete: 'image',
  flags: {
    all: { type: 'bool', short: 'a', help: 'Show all images (default hides intermediate images)' },
    digests: { type: 'bool', help: 'Show digests' },
    filter: { type: 'filter', short: 'f', help: 'Filter output based on conditions provided' },
    format: { type: 'string', help: FORMAT_HELP },
    'no-trunc': { type: 'bool', help: "Don't truncate output" },
    quiet: { type: 'bool', short: 'q', help: 'Only show image IDs' },
  },
  async run(context, { args, flags }) {
    const format = flags.format || (flags.quiet ? '' : (context.config.imagesFormat ?? ''))
    const filters = { ...flags.filter }
    if (args[0]) filters['reference'] = [...(filters['reference'] ?? []), args[0]]
    const images = await context.client.images.list({ all: flags.all || undefined, filters })
    const digests = flags.digests || /\.Digest\b/.test(format)
    const sorted = images.toSorted((a, b) => b.Created - a.Created)
    const rows = sorted.flatMap(image => imageRows(image, { trunc: !flags['no-trunc'], digests }))
    const columns = flags.digests
      ? ['Repository', 'Tag', 'Digest', 'ID', 'CreatedSince', 'Size']
      : IMAGE_LISTING.columns
    printRows(context, rows, { ...IMAGE_LISTING, columns }, { format, quiet: flags.quiet })
  },
})
