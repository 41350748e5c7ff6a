import type { VolumeJson } from '#wire/index.ts'
import { CliError, defineCommand, FORMAT_HELP } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { printRows } from '../render/format.ts'
import { deletedRow, DELETED_LISTING, VOLUME_LISTING, VOLUME_LISTING_SIZED, volumeRow } from './row.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    deleted: { type: 'bool', help: 'List removed volumes that are kept in the trash' },
    filter: { type: 'filter', short: 'f', help: 'Provide filter values (e.g. "dangling=true")' },
    format: { type: 'string', help: FORMAT_HELP },
    quiet: { type: 'bool', short: 'q', help: 'Only display volume names' },
    size: { type: 'bool', short: 's', help: 'Display sizes and numbers of users' },
  },
  async run(context, { flags }) {
    if (flags.deleted) {
      if (Object.keys(flags.filter).length > 0) throw new CliError('conflicting options: --deleted takes no --filter')
      const rows = (await context.client.volumes.deleted()).map(one => deletedRow(one))
      return printRows(context, rows, DELETED_LISTING, { format: flags.format, quiet: flags.quiet })
    }
    const { Volumes, Warnings } = await context.client.volumes.list(flags.filter)
    for (const warning of Warnings ?? []) context.warn(`WARNING: ${warning}`)
    const format = flags.format || (context.config.volumesFormat ?? '')
    const sized = flags.size || /\.(Size|Links)\b/.test(format)
    const volumes = sized ? await withUsage(context, Volumes ?? []) : (Volumes ?? [])
    const rows = volumes.toSorted((a, b) => (a.Name < b.Name ? -1 : 1)).map(volumeRow)
    printRows(context, rows, flags.size ? VOLUME_LISTING_SIZED : VOLUME_LISTING, { format, quiet: flags.quiet })
  },
})

/** Sizes are asked for apart, as Docker's API has them. */
async function withUsage(context: Context, volumes: VolumeJson[]): Promise<VolumeJson[]> {
  const { Volumes } = await context.client.system.diskUsage(['volume'])
  const usage = new Map((Volumes ?? []).map(volume => [volume.Name, volume.UsageData]))
  return volumes.map(volume => {
    const UsageData = usage.get(volume.Name)
    return UsageData ? { ...volume, UsageData } : volume
  })
}
