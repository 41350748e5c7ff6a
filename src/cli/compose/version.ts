import { COMPOSE_VERSION } from '#compose/labels.ts'
import { defineCommand, unsupportedFormat } from '../core/command.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    format: { type: 'string', short: 'f', default: 'pretty', help: 'Format the output. Values: [pretty | json]' },
    short: { type: 'bool', help: "Shows only Compose's version number" },
  },
  async run(context, { flags }) {
    if (flags.short) context.print(COMPOSE_VERSION)
    else if (flags.format === 'json') context.print(JSON.stringify({ version: COMPOSE_VERSION }))
    else if (flags.format === 'pretty') context.print(`Docker Compose version ${COMPOSE_VERSION} (Berth)`)
    else throw unsupportedFormat(flags.format, ['pretty', 'json'])
  },
})
