import { CliError, defineCommand } from '../../core/command.ts'
import { humanSize } from '../../render/units.ts'

export const command = defineCommand({
  usage: '[OPTIONS] SCHEDULE',
  args: [1, 1],
  flags: {
    quiet: { type: 'bool', short: 'q', help: 'Print only the name of the backup' },
  },
  async run(context, { args, flags }) {
    const { runs, target } = await context.client.backups.changeSchedule(args[0]!, 'run')
    const [run] = runs
    if (!run?.ok) throw new CliError(`backup failed: ${run?.message ?? 'the daemon does not say why'}`)
    context.print(flags.quiet ? (run.name ?? '') : `${target}${run.name ?? ''}`)
    if (flags.quiet) return
    context.print(`stored as ${humanSize(run.bytes ?? 0)}`)
    if (run.message) context.print(run.message)
  },
})
