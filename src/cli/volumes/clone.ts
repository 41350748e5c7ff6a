import type { VolumeCloneLine } from '#wire/index.ts'
import { CliError, defineCommand } from '../core/command.ts'
import { toMap } from '../containers/options/files.ts'
import { humanSize } from '../render/units.ts'

const HOW: Record<NonNullable<VolumeCloneLine['method']>, string> = {
  snapshot: 'by a snapshot, which shares blocks',
  reflink: 'by sharing blocks',
  copy: 'by copying',
}

export const command = defineCommand({
  usage: '[OPTIONS] VOLUME [NEW_NAME]',
  args: [1, 2],
  complete: 'volume',
  description:
    'Make a volume with the driver, options, labels and data of another one: at once where the file system can share blocks',
  flags: {
    label: { type: 'list', help: 'Set or change a label of the new volume' },
    quiet: { type: 'bool', short: 'q', help: 'Only print the name of the new volume' },
  },
  async run(context, { args, flags }) {
    const [source, name] = args as [string, string?]
    const request = { Name: name, Labels: toMap(flags.label) }
    const onTerminal = context.stderr.isTTY && !flags.quiet
    const clear = () => onTerminal && context.stderr.write('\r\x1b[K')
    for await (const line of await context.client.volumes.clone(source, request)) {
      if (line.error !== undefined) {
        clear()
        throw new CliError(line.error)
      }
      if (!line.volume) {
        if (onTerminal) context.stderr.write(`\r\x1b[K${line.files} files, ${humanSize(line.bytes ?? 0)} copied`)
        continue
      }
      clear()
      if (line.live)
        context.warn(
          `WARNING: ${source} was in use and copied file by file: what was written meanwhile may be in part. Stop or pause its users for a clone of one instant`,
        )
      context.print(line.volume.Name)
      if (line.method && !flags.quiet) context.warn(`Cloned ${HOW[line.method]}`)
      return
    }
    throw new CliError('the daemon went away before the clone was made')
  },
})
