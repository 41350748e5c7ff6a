import { defineCommand } from '../core/command.ts'
import { confirm } from '../core/confirm.ts'
import { DRY_RUN, printPreview } from '../system/prune-preview.ts'
import { humanSize } from '../render/units.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    'dry-run': DRY_RUN,
    filter: { type: 'filter', help: 'Provide filter values (e.g. "until=<timestamp>")' },
    force: { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
  },
  async run(context, { flags }) {
    if (flags['dry-run']) return printPreview(context, { containers: flags.filter })
    const question = 'WARNING! This will remove all stopped containers.\nAre you sure you want to continue?'
    if (!flags.force && !(await confirm(context, question))) return
    const { ContainersDeleted, SpaceReclaimed } = await context.client.containers.prune(flags.filter)
    if (ContainersDeleted?.length) context.print(`Deleted Containers:\n${ContainersDeleted.join('\n')}\n`)
    context.print(`Total reclaimed space: ${humanSize(SpaceReclaimed)}`)
  },
})
