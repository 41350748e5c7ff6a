import { defineCommand, FORMAT_HELP } from '../../core/command.ts'
import { printRows } from '../../render/format.ts'
import { DELETED_LISTING, deletedRow } from '../row.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    format: { type: 'string', help: FORMAT_HELP },
    quiet: { type: 'bool', short: 'q', help: 'Only display ids' },
  },
  async run(context, { flags }) {
    const rows = (await context.client.volumes.deleted()).map(one => deletedRow(one))
    printRows(context, rows, DELETED_LISTING, { format: flags.format, quiet: flags.quiet })
  },
})
