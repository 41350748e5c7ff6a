import { defineCommand } from '../core/command.ts'
import { consoleSize } from './signals.ts'
import { createContainer } from './create-container.ts'
import { CREATE_FLAGS } from './options/flags.ts'
import { createRequest } from './options/request.ts'

export const command = defineCommand({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  args: [1, Infinity],
  interspersed: false,
  complete: 'image',
  flags: CREATE_FLAGS,
  async run(context, { args, flags, changed }) {
    const [image, ...words] = args
    const request = createRequest(flags, changed, image!, words)
    const size = flags.tty ? consoleSize(context) : undefined
    if (size) request.HostConfig!.ConsoleSize = size
    context.print(await createContainer(context, request, flags))
  },
})
