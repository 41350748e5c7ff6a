import { finish, registryOf } from '#client/index.ts'
import { CliError, defineCommand } from '../core/command.ts'
import { progressPrinter } from '../render/progress.ts'
import { credentialsFor } from '../registry/credentials.ts'
import { checkReference } from './check-reference.ts'

export const command = defineCommand({
  usage: '[OPTIONS] NAME[:TAG]',
  args: [1, 1],
  complete: 'image',
  flags: {
    'all-tags': { type: 'bool', short: 'a', help: 'Push all tags of an image to the repository' },
    'disable-content-trust': { type: 'bool', default: true, hidden: true, help: 'Skip image signing' },
    platform: { type: 'string', help: 'Push a platform-specific manifest as a single-platform image to the registry' },
    quiet: { type: 'bool', short: 'q', help: 'Suppress verbose output' },
  },
  async run(context, { args, flags }) {
    const reference = args[0]!
    checkReference(reference)
    const tagged = /:[^/]*$/.test(reference)
    if (flags['all-tags'] && tagged) throw new CliError("tag can't be used with --all-tags/-a")
    if (!tagged && !flags['all-tags'] && !flags.quiet) context.print('Using default tag: latest')
    const auth = await credentialsFor(context, registryOf(reference))
    const lines = await context.client.images.push(reference, {
      auth,
      allTags: flags['all-tags'],
      platform: flags.platform || undefined,
    })
    const printer = progressPrinter(context.stdout, { quiet: flags.quiet })
    try {
      await finish(lines, line => printer.line(line))
    } finally {
      printer.end()
    }
    if (flags.quiet) context.print(tagged || flags['all-tags'] ? reference : `${reference}:latest`)
  },
})
