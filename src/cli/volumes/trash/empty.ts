import { defineCommand } from '../../core/command.ts'
import { confirm } from '../../core/confirm.ts'
import { forEach } from '../../core/each.ts'
import { humanSize } from '../../render/units.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [NAME|ID...]',
  args: [0, Infinity],
  description: 'Delete removed volumes for good before their time: those that are named, or all',
  flags: {
    force: { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
  },
  async run(context, { args, flags }) {
    const { volumes } = context.client
    const which = args.length > 0 ? args.join(', ') : 'all removed volumes that are kept'
    const question = `WARNING! This will delete ${which} for good.\nAre you sure you want to continue?`
    if (!flags.force && !(await confirm(context, question))) return
    let reclaimed = 0
    if (args.length === 0) {
      const { Deleted, SpaceReclaimed } = await volumes.emptyTrash()
      for (const id of Deleted) context.print(id)
      reclaimed = SpaceReclaimed
    } else {
      await forEach(context, args, async reference => {
        const { Deleted, SpaceReclaimed } = await volumes.emptyTrash(reference)
        reclaimed += SpaceReclaimed
        return Deleted[0]
      })
    }
    context.print(`Total reclaimed space: ${humanSize(reclaimed)}`)
  },
})
