import { defineCommand, FORMAT_HELP } from '../core/command.ts'
import { printRows, type Listing } from '../render/format.ts'
import { ago, ellipsis, humanSize, shortId } from '../render/units.ts'

const CREATED_BY_WIDTH = 45

const LISTING: Listing = {
  headings: {
    ID: 'IMAGE',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    CreatedBy: 'CREATED BY',
    Size: 'SIZE',
    Comment: 'COMMENT',
  },
  columns: ['ID', 'CreatedSince', 'CreatedBy', 'Size', 'Comment'],
  quiet: 'ID',
}

export const command = defineCommand({
  usage: '[OPTIONS] IMAGE',
  args: [1, 1],
  complete: 'image',
  flags: {
    format: { type: 'string', help: FORMAT_HELP },
    human: { type: 'bool', short: 'H', default: true, help: 'Print sizes and dates in human readable format' },
    'no-trunc': { type: 'bool', help: "Don't truncate output" },
    platform: {
      type: 'string',
      help: 'Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
    quiet: { type: 'bool', short: 'q', help: 'Only show image IDs' },
  },
  async run(context, { args, flags }) {
    const trunc = !flags['no-trunc']
    const entries = await context.client.images.history(args[0]!)
    const rows = entries.map(entry => {
      const created = new Date(entry.Created * 1000).toISOString().replace(/\.\d+Z$/, 'Z')
      const by = entry.CreatedBy.replaceAll('\t', ' ')
      return {
        ID: trunc ? shortId(entry.Id) : entry.Id,
        CreatedAt: created,
        CreatedSince: flags.human ? ago(entry.Created * 1000) : created,
        CreatedBy: trunc ? ellipsis(by, CREATED_BY_WIDTH) : by,
        Size: flags.human ? humanSize(entry.Size, 3) : String(entry.Size),
        Comment: entry.Comment,
      }
    })
    printRows(context, rows, LISTING, { format: flags.format, quiet: flags.quiet })
  },
})
