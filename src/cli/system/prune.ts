import { CliError, defineCommand } from '../core/command.ts'
import { confirm } from '../core/confirm.ts'
import { deletedLines } from '../images/prune.ts'
import { humanSize } from '../render/units.ts'
import { DRY_RUN, printPreview } from './prune-preview.ts'

type FilterMap = Record<string, string[]>

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    all: { type: 'bool', short: 'a', help: 'Remove all unused images not just dangling ones' },
    'dry-run': DRY_RUN,
    filter: { type: 'filter', help: 'Provide filter values (e.g. "label=<key>=<value>")' },
    force: { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
    trash: { type: 'bool', help: 'Delete removed volumes that are kept in the trash for good' },
    volumes: { type: 'bool', help: 'Prune anonymous volumes' },
  },
  async run(context, { flags }) {
    const { filter } = flags
    if (flags.volumes && filter['until']) {
      throw new CliError('ERROR: The "until" filter is not supported with "--volumes"')
    }
    const ofImages = { ...filter, dangling: [flags.all ? 'false' : 'true'] }
    if (flags['dry-run']) {
      const ofVolumes = flags.volumes ? { volumes: filter } : {}
      const others = { containers: filter, networks: filter, images: ofImages, trash: flags.trash }
      return printPreview(context, { ...others, ...ofVolumes })
    }
    if (!flags.force && !(await confirm(context, question(flags)))) return
    const { containers, networks, volumes, images, system } = context.client
    let reclaimed = 0
    // Containers first: what they hold can go only after them.
    const c = await containers.prune(filter)
    reclaimed += c.SpaceReclaimed
    if (c.ContainersDeleted?.length) context.print(`Deleted Containers:\n${c.ContainersDeleted.join('\n')}\n`)
    const n = await networks.prune(filter)
    if (n.NetworksDeleted?.length) context.print(`Deleted Networks:\n${n.NetworksDeleted.join('\n')}\n`)
    if (flags.volumes) {
      const v = await volumes.prune(filter)
      reclaimed += v.SpaceReclaimed
      if (v.VolumesDeleted?.length) context.print(`Deleted Volumes:\n${v.VolumesDeleted.join('\n')}\n`)
    }
    if (flags.trash) {
      const t = await volumes.emptyTrash()
      reclaimed += t.SpaceReclaimed
      if (t.Deleted.length > 0) context.print(`Deleted for good:\n${t.Deleted.join('\n')}\n`)
    }
    const i = await images.prune(ofImages)
    reclaimed += i.SpaceReclaimed
    if (i.ImagesDeleted?.length) context.print(`Deleted Images:\n${deletedLines(i.ImagesDeleted)}\n`)
    const b = await system.pruneBuildCache({ all: flags.all, filters: filter })
    reclaimed += b.SpaceReclaimed
    if (b.CachesDeleted?.length) context.print(`Deleted build cache objects:\n${b.CachesDeleted.join('\n')}\n`)
    context.print(`Total reclaimed space: ${humanSize(reclaimed)}`)
  },
})

/** Word for word as Docker asks. */
function question(flags: { all: boolean; volumes: boolean; trash: boolean; filter: FilterMap }): string {
  const items = ['all stopped containers', 'all networks not used by at least one container']
  if (flags.volumes) items.push('all anonymous volumes not used by at least one container')
  if (flags.trash) items.push('all removed volumes in the trash')
  items.push(flags.all ? 'all images without at least one container associated to them' : 'all dangling images')
  items.push(flags.all ? 'all build cache' : 'unused build cache')
  const filters = Object.entries(flags.filter).flatMap(([key, values]) => values.map(value => `${key}=${value}`))
  const lines = (list: string[]) => list.map(item => `  - ${item}\n`).join('')
  const filtered =
    filters.length > 0 ? `\n  Items to be pruned will be filtered with:\n${lines(filters.toSorted())}` : ''
  return `WARNING! This will remove:\n${lines(items)}${filtered}\nAre you sure you want to continue?`
}
