import { isKind } from '#lib/errors.ts'
import { CliError, defineCommand } from '../core/command.ts'
import { errorText } from '../core/report.ts'

export const command = defineCommand({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  args: [1, Infinity],
  complete: 'image',
  flags: {
    force: { type: 'bool', short: 'f', help: 'Force removal of the image' },
    'no-prune': { type: 'bool', help: 'Do not delete untagged parents' },
    platform: {
      type: 'strings',
      help: 'Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
  },
  async run(context, { args, flags }) {
    const failures: string[] = []
    let fatal = false
    for (const name of args) {
      try {
        const removed = await context.client.images.remove(name, {
          force: flags.force || undefined,
          noPrune: flags['no-prune'] || undefined,
          platforms: flags.platform,
        })
        for (const { Untagged, Deleted } of removed) {
          context.print(Deleted === undefined ? `Untagged: ${Untagged}` : `Deleted: ${Deleted}`)
        }
      } catch (error) {
        failures.push(errorText(error))
        // With -f an image that is gone already is no failure.
        if (!isKind(error, 'not-found') || !flags.force) fatal = true
      }
    }
    if (failures.length === 0) return
    if (fatal) throw new CliError(failures.join('\n'))
    context.warn(failures.join('\n'))
  },
})
