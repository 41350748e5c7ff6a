import { CliError, defineCommand } from '../core/command.ts'
import { confirm } from '../core/confirm.ts'
import { humanSize } from '../render/units.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    all: { type: 'bool', short: 'a', help: 'Remove all unused volumes, not just anonymous ones' },
    filter: { type: 'filter', help: 'Provide filter values (e.g. "label=<label>")' },
    force: { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
  },
  async run(context, { flags }) {
    const filters = { ...flags.filter }
    if (flags.all) {
      if (filters['all']) throw new CliError('conflicting options: cannot specify both --all and --filter all=1')
      filters['all'] = ['true']
    }
    const which = flags.all ? 'all volumes' : 'anonymous local volumes'
    const question = `WARNING! This will remove ${which} not used by at least one container.\nAre you sure you want to continue?`
    if (!flags.force && !(await confirm(context, question))) return
    const { VolumesDeleted, SpaceReclaimed } = await context.client.volumes.prune(filters)
    if (VolumesDeleted?.length) context.print(`Deleted Volumes:\n${VolumesDeleted.join('\n')}\n`)
    context.print(`Total reclaimed space: ${humanSize(SpaceReclaimed)}`)
  },
})
