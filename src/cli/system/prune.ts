import { defineCommand } from '../core/command.ts'
import { confirm } from '../core/confirm.ts'
import { deletedLines } from '../images/prune.ts'
import { humanSize } from '../render/units.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    all: { type: 'bool', short: 'a', help: 'Remove all unused images not just dangling ones' },
    filter: { type: 'filter', help: 'Provide filter values (e.g. "label=<key>=<value>")' },
    force: { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
    volumes: { type: 'bool', help: 'Prune anonymous volumes' },
  },
  async run(context, { flags }) {
    if (!flags.force && !(await confirm(context, question(flags)))) return
    const { containers, networks, volumes, images } = context.client
    let reclaimed = 0
    // Containers first: what they hold can go only after them.
    const c = await containers.prune(flags.filter)
    reclaimed += c.SpaceReclaimed
    if (c.ContainersDeleted?.length) context.print(`Deleted Containers:\n${c.ContainersDeleted.join('\n')}\n`)
    const n = await networks.prune(flags.filter)
    if (n.NetworksDeleted?.length) context.print(`Deleted Networks:\n${n.NetworksDeleted.join('\n')}\n`)
    if (flags.volumes) {
      const { until: _until, ...filters } = flags.filter
      const v = await volumes.prune(filters)
      reclaimed += v.SpaceReclaimed
      if (v.VolumesDeleted?.length) context.print(`Deleted Volumes:\n${v.VolumesDeleted.join('\n')}\n`)
    }
    const i = await images.prune({ ...flags.filter, dangling: [flags.all ? 'false' : 'true'] })
    reclaimed += i.SpaceReclaimed
    if (i.ImagesDeleted?.length) context.print(`Deleted Images:\n${deletedLines(i.ImagesDeleted)}\n`)
    context.print(`Total reclaimed space: ${humanSize(reclaimed)}`)
  },
})

function question(flags: { all: boolean; volumes: boolean }): string {
  const items = ['all stopped containers', 'all networks not used by at least one container']
  if (flags.volumes) items.push('all anonymous volumes not used by at least one container')
  items.push(flags.all ? 'all images without at least one container associated to them' : 'all dangling images')
  return `WARNING! This will remove:\n${items.map(item => `  - ${item}\n`).join('')}\nAre you sure you want to continue?`
}
