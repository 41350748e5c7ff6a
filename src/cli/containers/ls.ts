import { defineCommand, FORMAT_HELP } from '../core/command.ts'
import { printRows } from '../render/format.ts'
import { CONTAINER_LISTING, containerRow } from './row.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    all: { type: 'bool', short: 'a', help: 'Show all containers (default shows just running)' },
    filter: { type: 'filter', short: 'f', help: 'Filter output based on conditions provided' },
    format: { type: 'string', help: FORMAT_HELP },
    last: { type: 'int', short: 'n', default: -1, help: 'Show n last created containers (includes all states)' },
    latest: { type: 'bool', short: 'l', help: 'Show the latest created container (includes all states)' },
    'no-trunc': { type: 'bool', help: "Don't truncate output" },
    quiet: { type: 'bool', short: 'q', help: 'Only display container IDs' },
    size: { type: 'bool', short: 's', help: 'Display total file sizes' },
  },
  async run(context, { flags }) {
    const format = flags.format || (flags.quiet ? '' : (context.config.psFormat ?? ''))
    const limit = flags.latest ? 1 : flags.last > 0 ? flags.last : undefined
    const list = await context.client.containers.list({
      all: flags.all || undefined,
      limit,
      size: flags.size || /\.Size\b|\bjson \.(\s|\})/.test(format) || undefined,
      filters: flags.filter,
    })
    const rows = list.map(container => containerRow(container, { trunc: !flags['no-trunc'] }))
    const columns = flags.size ? [...CONTAINER_LISTING.columns, 'Size'] : CONTAINER_LISTING.columns
    printRows(context, rows, { ...CONTAINER_LISTING, columns }, { format, quiet: flags.quiet })
  },
})
