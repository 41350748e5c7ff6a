import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { finish } from '#client/index.ts'
import { CliError, defineCommand } from '../core/command.ts'
import { progressPrinter } from '../render/progress.ts'
import { checkReference } from './check-reference.ts'

export const command = defineCommand({
  usage: '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  args: [1, 2],
  complete: 'file',
  flags: {
    change: { type: 'list', short: 'c', help: 'Apply Dockerfile instruction to the created image' },
    message: { type: 'string', short: 'm', help: 'Set commit message for imported image' },
    platform: { type: 'string', help: 'Set platform if server is multi-platform capable' },
  },
  async run(context, { args, flags }) {
    const [source, reference = ''] = args as [string, string?]
    if (reference !== '') checkReference(reference)
    const isUrl = /^https?:\/\//.test(source)
    if (!isUrl && source !== '-') {
      await access(source).catch(() => {
        throw new CliError(`open ${source}: no such file or directory`)
      })
    }
    const body = isUrl ? source : source === '-' ? context.stdin : createReadStream(source, { highWaterMark: 1 << 18 })
    const lines = await context.client.images.import(body, {
      reference,
      message: flags.message || undefined,
      changes: flags.change,
      platform: flags.platform || undefined,
    })
    const printer = progressPrinter(context.stdout, { quiet: false })
    try {
      await finish(lines, line => printer.line(line))
    } finally {
      printer.end()
    }
  },
})
