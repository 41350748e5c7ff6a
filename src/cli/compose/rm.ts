import { CliError, defineCommand } from '../core/command.ts'
import { containersOf, groupFlags } from './project.ts'
import { ALIVE } from './simple.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [SERVICE...]',
  args: [0, Infinity],
  flags: {
    force: { type: 'bool', short: 'f', help: "Don't ask to confirm removal" },
    stop: { type: 'bool', short: 's', help: 'Stop the containers, if required, before removing' },
    volumes: { type: 'bool', short: 'v', help: 'Remove any anonymous volumes attached to containers' },
  },
  async run(context, input) {
    const { flags } = input
    const { containers } = await containersOf(context, input, input.args)
    const mine = containers.filter(one => flags.stop || !ALIVE.includes(one.state as 'running'))
    if (mine.length === 0) return context.warn('No stopped containers')
    if (groupFlags(input)['dry-run']) {
      for (const one of mine) context.print(`remove container ${one.name}`)
      return
    }
    if (!flags.force) {
      if (!context.stdin.isTTY) throw new CliError('cannot ask for confirmation without a terminal: use --force')
      const { confirm } = await import('../core/confirm.ts')
      const names = mine.map(one => one.name).join(', ')
      if (!(await confirm(context, `Going to remove ${names}\nAre you sure? [yN] `))) return
    }
    await Promise.all(
      mine.map(async one => {
        if (flags.stop) await context.client.containers.stop(one.id)
        await context.client.containers.remove(one.id, { volumes: flags.volumes })
        context.warn(` Container ${one.name}  Removed`)
      }),
    )
  },
})
