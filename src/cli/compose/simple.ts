import type { ObservedContainer } from '#compose/observe.ts'
import { CliError, defineCommand, type FlagTable, type FlagValues } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { errorText } from '../core/report.ts'
import { containersOf, groupFlags } from './project.ts'

/** A command that does one thing to each container of the services named: stop, start, kill, pause, … */
export function perContainer<const F extends FlagTable>(options: {
  flags: F
  doing: string
  done: string
  /** Which containers it concerns, by Docker's state word. */
  states: readonly string[]
  act: (
    context: Context,
    container: ObservedContainer,
    flags: FlagValues<F>,
    changed: ReadonlySet<string>,
  ) => Promise<unknown>
}) {
  return defineCommand<F>({
    usage: '[OPTIONS] [SERVICE...]',
    args: [0, Infinity],
    flags: options.flags,
    async run(context, input) {
      const { containers } = await containersOf(context, input, input.args)
      const mine = containers.filter(one => options.states.includes(one.state))
      if (groupFlags(input)['dry-run']) {
        for (const one of mine) context.print(`${options.doing.toLowerCase()} container ${one.name}`)
        return
      }
      const results = await Promise.allSettled(
        mine.map(async one => {
          context.warn(` Container ${one.name}  ${options.doing}`)
          await options.act(context, one, input.flags, input.changed)
          context.warn(` Container ${one.name}  ${options.done}`)
        }),
      )
      const failures = results.filter(one => one.status === 'rejected').map(one => errorText(one.reason))
      if (failures.length > 0) throw new CliError(failures.join('\n'))
    },
  })
}

export const ALIVE = ['running', 'paused', 'restarting'] as const
export const TIMEOUT = { type: 'int', short: 't', help: 'Specify a shutdown timeout in seconds' } as const
