import { CliError, defineCommand } from '../core/command.ts'
import { humanSize } from '../render/units.ts'
import { copyFromContainer } from './cp/from-container.ts'
import { splitCopyArgument } from './cp/paths.ts'
import { copyToContainer } from './cp/to-container.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tberth cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  args: [2, 2],
  complete: 'container',
  description: `Copy files/folders between a container and the local filesystem

Use '-' as the source to read a tar archive from stdin
and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a
container source to stdout.`,
  flags: {
    archive: { type: 'bool', short: 'a', help: 'Archive mode (copy all uid/gid information)' },
    'follow-link': { type: 'bool', short: 'L', help: 'Always follow symbol link in SRC_PATH' },
    quiet: {
      type: 'bool',
      short: 'q',
      help: 'Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached',
    },
  },
  async run(context, { args, flags }) {
    const [from, to] = args.map(splitCopyArgument)
    if (args[0] === '') throw new CliError('source can not be empty')
    if (args[1] === '') throw new CliError('destination can not be empty')
    if (from!.container && to!.container) throw new CliError('copying between containers is not supported')
    const options = { archive: flags.archive, followLink: flags['follow-link'] }
    let bytes
    if (from!.container) bytes = await copyFromContainer(context, from!.container, from!.path, to!.path, options)
    else if (to!.container) bytes = await copyToContainer(context, from!.path, to!.container, to!.path, options)
    else throw new CliError('must specify at least one container source')
    if (!flags.quiet && context.stderr.isTTY && args[1] !== '-') {
      context.warn(`Successfully copied ${humanSize(bytes)} to ${args[1]}`)
    }
  },
})
