import { CliError, defineCommand } from '../core/command.ts'
import { referenceFault } from './check-reference.ts'

export const command = defineCommand({
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  args: [2, 2],
  complete: 'image',
  flags: {},
  async run(context, { args }) {
    const [source, target] = args as [string, string]
    for (const name of [source, target]) {
      const fault = referenceFault(name)
      if (fault)
        throw new CliError(`Error parsing reference: ${JSON.stringify(name)} is not a valid repository/tag: ${fault}`)
    }
    await context.client.images.tag(source, target)
  },
})
