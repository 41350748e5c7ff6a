import { resolve } from 'node:path'
import { finish } from '#client/index.ts'
import { CliError, defineCommand } from '../core/command.ts'
import { progressPrinter } from '../render/progress.ts'

export const command = defineCommand({
  usage: '[OPTIONS] IMAGE',
  args: [1, 1],
  complete: ['debian:bookworm', 'debian:trixie', 'busybox'],
  description: `Make a base image from a distribution's package mirror

For machines that reach no image registry: packages come from the distribution's own
mirror, their signatures are checked by its own tools.

  berth image bootstrap busybox
  berth image bootstrap debian:bookworm --include nginx,curl --tag web:1 --cmd 'nginx -g "daemon off;"'`,
  flags: {
    change: { type: 'list', short: 'c', help: 'Apply Dockerfile instruction to the created image' },
    copy: {
      type: 'list',
      help: "File or directory of the daemon's host to put in, owned by root (HOST_PATH:IMAGE_PATH)",
    },
    cmd: { type: 'string', help: 'Default command: a JSON list, or a line for /bin/sh -c' },
    entrypoint: { type: 'string', help: 'Entrypoint: a JSON list, or a line for /bin/sh -c' },
    include: { type: 'strings', help: 'Packages to install besides the base' },
    setup: { type: 'list', help: 'Shell line to run as root in the new root filesystem, after the copies' },
    tag: { type: 'string', short: 't', help: 'Name of the image (the same as IMAGE unless given)' },
    quiet: { type: 'bool', short: 'q', help: 'Suppress verbose output' },
  },
  async run(context, { args, flags, changed }) {
    const lines = await context.client.images.bootstrap({
      image: args[0]!,
      tag: flags.tag || undefined,
      include: flags.include.length > 0 ? flags.include : undefined,
      cmd: changed.has('cmd') ? words(flags.cmd, 'cmd') : undefined,
      entrypoint: changed.has('entrypoint') ? words(flags.entrypoint, 'entrypoint') : undefined,
      changes: flags.change.length > 0 ? flags.change : undefined,
      copy: flags.copy.length > 0 ? flags.copy.map(copyPair) : undefined,
      setup: flags.setup.length > 0 ? flags.setup : undefined,
    })
    const printer = progressPrinter(context.stdout, { quiet: flags.quiet })
    try {
      await finish(lines, line => printer.line(line))
    } finally {
      printer.end()
    }
    const name = flags.tag || args[0]!
    context.print(flags.quiet ? name : `Bootstrapped image: ${name}`)
  },
})

function words(text: string, flag: string): string[] {
  if (!text.trimStart().startsWith('[')) return ['/bin/sh', '-c', text]
  try {
    const list = JSON.parse(text) as unknown
    if (Array.isArray(list) && list.every(item => typeof item === 'string')) return list as string[]
  } catch {
    // Said below.
  }
  throw new CliError(`--${flag} is neither a JSON list of strings nor a command line: ${text}`)
}

function copyPair(text: string): { hostPath: string; imagePath: string } {
  const at = text.lastIndexOf(':')
  if (at <= 0) throw new CliError(`--copy takes HOST_PATH:IMAGE_PATH, not ${text}`)
  return { hostPath: resolve(text.slice(0, at)), imagePath: text.slice(at + 1) }
}
