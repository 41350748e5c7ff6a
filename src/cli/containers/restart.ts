import { defineCommand } from '../core/command.ts'
import { forEach } from '../core/each.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: [1, Infinity],
  complete: 'running-container',
  flags: {
    signal: { type: 'string', short: 's', help: 'Signal to send to the container' },
    time: { type: 'int', hidden: true, help: 'Seconds to wait before killing the container' },
    timeout: { type: 'int', short: 't', help: 'Seconds to wait before killing the container' },
  },
  async run(context, { args, flags, changed }) {
    await forEach(context, args, async name => {
      const timeout = changed.has('timeout') ? flags.timeout : changed.has('time') ? flags.time : undefined
      await context.client.containers.restart(name, { timeout, stopSignal: flags.signal || undefined })
      return name
    })
  },
})
