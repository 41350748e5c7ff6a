import { CliError, defineCommand } from '../core/command.ts'
import { toMap } from '../containers/options/files.ts'

const DESCRIPTION = `Create a volume

Options of the local driver (-o KEY=VALUE):

  size=10G           the most that it may hold
  compress=zstd[:N]  keep it compressed (also lzo, zlib[:N])
  preallocate=true   take the blocks of a size= at once
  uid=, gid=, mode=  owner and mode of its directory
  type=, device=, o= mount a device, file, share or directory: nfs, cifs, tmpfs, ext4, xfs, btrfs, none (o=bind)`

export const command = defineCommand({
  description: DESCRIPTION,
  usage: '[OPTIONS] [VOLUME]',
  args: [0, 1],
  flags: {
    driver: { type: 'string', short: 'd', default: 'local', help: 'Specify volume driver name' },
    label: { type: 'list', help: 'Set metadata for a volume' },
    name: { type: 'string', hidden: true, help: 'Specify volume name' },
    opt: { type: 'map', short: 'o', help: 'Set driver specific options' },
    validate: { type: 'bool', help: 'Try at once whether the data can be reached, for ten seconds at most' },
  },
  async run(context, { args, flags }) {
    if (args[0] && flags.name)
      throw new CliError(
        'conflicting options: cannot specify a volume-name through both --name and as a positional arg',
      )
    const volume = await context.client.volumes.create({
      Name: args[0] ?? (flags.name || undefined),
      Driver: flags.driver,
      DriverOpts: flags.opt,
      Labels: toMap(flags.label),
      ...(flags.validate && { Validate: true }),
    })
    context.print(volume.Name)
  },
})
