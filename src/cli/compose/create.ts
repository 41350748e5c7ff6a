import { defineCommand } from '../core/command.ts'
import { bringUp, upFlags } from './up.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [SERVICE...]',
  args: [0, Infinity],
  flags: upFlags,
  async run(context, input) {
    await bringUp(context, input, { flags: input.flags, noDeps: false, noStart: true, renewVolumes: false })
  },
})
