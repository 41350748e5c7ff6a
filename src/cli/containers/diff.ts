import { CliError, defineCommand } from '../core/command.ts'

const KINDS = ['C', 'A', 'D'] as const

export const command = defineCommand({
  usage: 'CONTAINER',
  args: [1, 1],
  complete: 'container',
  flags: {},
  async run(context, { args }) {
    if (args[0] === '') throw new CliError('container name cannot be empty')
    const changes = await context.client.containers.changes(args[0]!)
    context.stdout.write(changes.map(({ Kind, Path }) => `${KINDS[Kind]} ${Path}\n`).join(''))
  },
})
