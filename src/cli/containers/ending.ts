import type { Context } from '../core/context.ts'
import { defineCommand, type Command } from '../core/command.ts'
import { forEach } from '../core/each.ts'

type End = (context: Context, name: string, how: { timeout?: number; stopSignal?: string }) => Promise<unknown>

/** `stop` and `restart`: the same words, another end. */
export function ending(end: End): Command {
  return defineCommand({
    usage: '[OPTIONS] CONTAINER [CONTAINER...]',
    args: [1, Infinity],
    complete: 'running-container',
    flags: {
      signal: { type: 'string', short: 's', help: 'Signal to send to the container' },
      time: { type: 'int', hidden: true, help: 'Seconds to wait before killing the container' },
      timeout: { type: 'int', short: 't', help: 'Seconds to wait before killing the container' },
    },
    async run(context, { args, flags, changed }) {
      const timeout = changed.has('timeout') ? flags.timeout : changed.has('time') ? flags.time : undefined
      await forEach(context, args, async name => {
        await end(context, name, { timeout, stopSignal: flags.signal || undefined })
        return name
      })
    },
  })
}
