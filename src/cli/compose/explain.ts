import { explain } from '#compose/explain/index.ts'
import { HOST, INTERNET } from '#compose/explain/names.ts'
import { defineCommand } from '../core/command.ts'
import { suggest } from '../core/suggest.ts'
import { NOT_ASKED, parseQuestion } from '../core/target.ts'
import { printExplanation } from '../render/explanation.ts'
import { load } from './project.ts'

export const command = defineCommand({
  usage: '[OPTIONS] FROM TO[:PORT][/udp]',
  args: [0, Infinity],
  description: `Say from the Compose file alone whether one service can reach another

Nothing needs to run. FROM is a service, "${HOST}" or "${INTERNET}" (another machine);
TO is also an alias, a container's name, an address or a name of the world's.

Exit code: 0 when nothing in the file forbids it, 1 when something does, 2 when the
file cannot tell.`,
  failure: NOT_ASKED,
  flags: {
    format: {
      type: 'string',
      default: 'text',
      help: 'Format the output. Values: [text | json]',
      complete: ['text', 'json'],
    },
  },
  async run(context, input) {
    const question = parseQuestion(input.args)
    let project = await load(context, input)
    const { disabled } = project
    // A service that its profile keeps out is explained with what the file says of it.
    const asked = disabled.filter(name => name === question.from || name === question.to)
    if (asked.length > 0) project = await load(context, input, asked)
    const explanation = explain(project, question, disabled)
    const near =
      explanation.cause?.code === 'target-not-found' ? suggest(question.to, Object.keys(project.services)) : []
    const code = printExplanation(context, explanation, input.flags.format)
    if (near[0] && input.flags.format !== 'json') context.warn(`Did you mean ${near[0]}?`)
    return code
  },
})
