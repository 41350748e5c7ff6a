import { CliError, defineCommand } from '../core/command.ts'
import { checkReference } from './check-reference.ts'
import { pullImage } from './pull-image.ts'

export const command = defineCommand({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  args: [1, 1],
  complete: 'image',
  flags: {
    'all-tags': { type: 'bool', short: 'a', help: 'Download all tagged images in the repository' },
    'disable-content-trust': { type: 'bool', default: true, hidden: true, help: 'Skip image verification' },
    platform: { type: 'string', help: 'Set platform if server is multi-platform capable' },
    quiet: { type: 'bool', short: 'q', help: 'Suppress verbose output' },
  },
  async run(context, { args, flags }) {
    const reference = args[0]!
    checkReference(reference)
    const tagged = reference.includes('@') || /:[^/]*$/.test(reference)
    if (flags['all-tags'] && tagged) throw new CliError("tag can't be used with --all-tags/-a")
    if (!tagged && !flags['all-tags'] && !flags.quiet) context.print('Using default tag: latest')
    await pullImage(context, reference, {
      platform: flags.platform || undefined,
      allTags: flags['all-tags'],
      quiet: flags.quiet,
      to: context.stdout,
    })
    context.print(fullName(reference, tagged || flags['all-tags']))
  },
})

/** With registry and tag, as Docker ends a pull: `docker.io/library/busybox:latest`. */
function fullName(reference: string, tagged: boolean): string {
  const slash = reference.indexOf('/')
  const first = slash < 0 ? '' : reference.slice(0, slash)
  const named = /[.:]/.test(first) || first === 'localhost'
  const name = named ? reference : `docker.io/${slash < 0 ? 'library/' : ''}${reference}`
  return tagged ? name : `${name}:latest`
}
