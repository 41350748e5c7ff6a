import { defineCommand } from '../core/command.ts'
import { confirm } from '../core/confirm.ts'
import { humanSize } from '../render/units.ts'

const DANGLING = 'WARNING! This will remove all dangling build cache.'
const ALL = 'WARNING! This will remove all build cache.'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    all: { type: 'bool', short: 'a', help: 'Remove all unused build cache, not just dangling ones' },
    filter: { type: 'filter', help: 'Provide filter values (e.g. "until=24h")' },
    force: { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
  },
  async run(context, { flags }) {
    const question = `${flags.all ? ALL : DANGLING} Are you sure you want to continue?`
    if (!flags.force && !(await confirm(context, question))) return
    const { all, filter } = flags
    const { CachesDeleted, SpaceReclaimed } = await context.client.system.pruneBuildCache({ all, filters: filter })
    if (CachesDeleted?.length) context.print(`Deleted build cache objects:\n${CachesDeleted.join('\n')}\n`)
    context.print(`Total reclaimed space: ${humanSize(SpaceReclaimed)}`)
  },
})
