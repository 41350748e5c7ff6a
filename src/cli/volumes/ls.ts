import { defineCommand, FORMAT_HELP } from '../core/command.ts'
import { printRows } from '../render/format.ts'
import { VOLUME_LISTING, volumeRow } from './row.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    filter: { type: 'filter', short: 'f', help: 'Provide filter values (e.g. "dangling=true")' },
    format: { type: 'string', help: FORMAT_HELP },
    quiet: { type: 'bool', short: 'q', help: 'Only display volume names' },
  },
  async run(context, { flags }) {
    const { Volumes, Warnings } = await context.client.volumes.list(flags.filter)
    for (const warning of Warnings ?? []) context.warn(`WARNING: ${warning}`)
    const rows = (Volumes ?? []).toSorted((a, b) => (a.Name < b.Name ? -1 : 1)).map(volumeRow)
    printRows(context, rows, VOLUME_LISTING, {
      format: flags.format || (context.config.volumesFormat ?? ''),
      quiet: flags.quiet,
    })
  },
})
