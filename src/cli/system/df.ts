import { defineCommand, FORMAT_HELP } from '../core/command.ts'
import { printRows } from '../render/format.ts'
import { USAGE_LISTING, usageRows } from './usage-rows.ts'
import { usageDetails } from './usage-details.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    format: { type: 'string', help: FORMAT_HELP },
    verbose: { type: 'bool', short: 'v', help: 'Show detailed information on space usage' },
  },
  async run(context, { flags }) {
    const usage = await context.client.system.diskUsage()
    if (flags.verbose && flags.format === 'json') context.print(JSON.stringify(usage))
    else if (flags.verbose) context.stdout.write(usageDetails(usage, { columns: context.columns, now: Date.now() }))
    else printRows(context, usageRows(usage), USAGE_LISTING, { format: flags.format })
  },
})
