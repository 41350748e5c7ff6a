import { writeFile } from 'node:fs/promises'
import { CliError, defineCommand, unsupportedFormat } from '../core/command.ts'
import { isUtf8 } from '../render/locale.ts'
import { documentOf } from './map/document.ts'
import { buildModel } from './map/model.ts'
import { renderSvg } from './map/svg.ts'
import { renderText } from './map/text.ts'

const FORMATS = ['text', 'svg', 'json']

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  description: `Draw networks, containers, ports and who can reach whom

A network is a rail, a container a row with a dot on each rail that it is on.`,
  flags: {
    format: {
      type: 'string',
      default: 'text',
      help: 'Format the output. Values: [text | svg | json]',
      complete: FORMATS,
    },
    project: { type: 'string', help: 'Only what belongs to this Compose project' },
    svg: { type: 'string', value: 'file', help: 'Write a drawing to this file', complete: 'file' },
  },
  async run(context, { flags }) {
    const { client } = context
    if (!FORMATS.includes(flags.format)) throw unsupportedFormat(flags.format, FORMATS)
    const [networks, containers, version] = await Promise.all([
      client.networks.list(),
      client.containers.list({ all: true }),
      client.system.version(),
    ])
    const balances = version.Platform?.Name === 'Berth'
    const model = buildModel(networks, containers, { project: flags.project || undefined, balances })
    if (flags.project && model.containers.length + model.networks.length === 0) {
      throw new CliError(`no container or network of project ${flags.project}: berth compose ls shows the projects`)
    }
    if (flags.svg) {
      await writeFile(flags.svg, renderSvg(model)).catch((cause: unknown) => {
        throw new CliError(`cannot write ${flags.svg}: ${(cause as Error).message}`)
      })
      if (flags.format === 'text') return
    }
    if (flags.format === 'svg') context.stdout.write(renderSvg(model))
    else if (flags.format === 'json') context.print(JSON.stringify(documentOf(model), null, 2))
    else {
      const { columns, colour } = context
      context.stdout.write(renderText(model, { columns, colour, unicode: isUtf8(context.env) }))
    }
  },
})
