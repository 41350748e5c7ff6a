import { defineCommand } from '../core/command.ts'
import { confirm } from '../core/confirm.ts'
import { DRY_RUN, printPreview } from '../system/prune-preview.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    'dry-run': DRY_RUN,
    filter: { type: 'filter', help: 'Provide filter values (e.g. "until=<timestamp>")' },
    force: { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
  },
  async run(context, { flags }) {
    if (flags['dry-run']) return printPreview(context, { networks: flags.filter })
    const question =
      'WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?'
    if (!flags.force && !(await confirm(context, question))) return
    const { NetworksDeleted } = await context.client.networks.prune(flags.filter)
    if (NetworksDeleted?.length) context.print(`Deleted Networks:\n${NetworksDeleted.join('\n')}\n`)
  },
})
