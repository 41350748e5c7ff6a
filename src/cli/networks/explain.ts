import { defineCommand } from '../core/command.ts'
import { NOT_ASKED, parseQuestion } from '../core/target.ts'
import { printExplanation } from '../render/explanation.ts'

export const command = defineCommand({
  usage: '[OPTIONS] FROM TO[:PORT][/udp]',
  args: [0, Infinity],
  description: `Say why one container can or cannot reach another

FROM is a container, a Compose service, "host" or "internet" (a machine outside); TO is
also an alias, an address or a name of the world's. The way that packets take is followed
hop by hop and tried; nothing is changed.

Exit code: 0 when it can be reached, 1 when it cannot, 2 when nothing says why.`,
  failure: NOT_ASKED,
  complete: 'container',
  flags: {
    format: {
      type: 'string',
      default: 'text',
      help: 'Format the output. Values: [text | json]',
      complete: ['text', 'json'],
    },
  },
  async run(context, { args, flags }) {
    const explanation = await context.client.networks.explain(parseQuestion(args))
    return printExplanation(context, explanation, flags.format)
  },
})
