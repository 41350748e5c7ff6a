import { defineCommand } from '../core/command.ts'

export const command = defineCommand({
  usage: '',
  args: [0, 0],
  flags: {},
  async run(context) {
    context.print('default')
  },
})
