import { isKind } from '#lib/errors.ts'
import { defineCommand } from '../core/command.ts'
import { forEach } from '../core/each.ts'
import { errorText } from '../core/report.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: [1, Infinity],
  complete: 'container',
  flags: {
    force: { type: 'bool', short: 'f', help: 'Force the removal of a running container (uses SIGKILL)' },
    link: { type: 'bool', short: 'l', help: 'Remove the specified link' },
    volumes: { type: 'bool', short: 'v', help: 'Remove anonymous volumes associated with the container' },
  },
  async run(context, { args, flags }) {
    await forEach(context, args, async name => {
      const { force, link, volumes } = flags
      try {
        await context.client.containers.remove(name.replace(/^\//, ''), { force, link, volumes })
      } catch (error) {
        // Gone is what -f asked for; Docker says so on stderr and goes on.
        if (!force || !isKind(error, 'not-found')) throw error
        context.warn(errorText(error))
        return undefined
      }
      return name
    })
  },
})
