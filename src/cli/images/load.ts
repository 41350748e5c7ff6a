import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { finish } from '#client/index.ts'
import { CliError, defineCommand } from '../core/command.ts'
import { progressPrinter } from '../render/progress.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    input: { type: 'string', short: 'i', help: 'Read from tar archive file, instead of STDIN', complete: 'file' },
    platform: {
      type: 'string',
      help: 'Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
    quiet: { type: 'bool', short: 'q', help: 'Suppress the load output' },
  },
  async run(context, { flags }) {
    if (flags.input === '' && context.stdin.isTTY) throw new CliError('requested load from stdin, but stdin is empty')
    if (flags.input !== '') {
      await access(flags.input).catch(() => {
        throw new CliError(`open ${flags.input}: no such file or directory`)
      })
    }
    const source = flags.input === '' ? context.stdin : createReadStream(flags.input, { highWaterMark: 1 << 18 })
    const quiet = flags.quiet || !context.stdout.isTTY
    const lines = await context.client.images.load(source, { quiet, platform: flags.platform || undefined })
    const printer = progressPrinter(context.stdout, { quiet: false })
    try {
      await finish(lines, line => {
        if (line.stream !== undefined || !quiet) printer.line(line)
      })
    } finally {
      printer.end()
    }
  },
})
