import { planDown } from '#compose/plan/down.ts'
import { CliError, defineCommand } from '../core/command.ts'
import { exclusively } from './lock.ts'
import { groupFlags, loadOrName, observeOwn } from './project.ts'
import { runPlan } from './run-plan.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [SERVICES]',
  args: [0, Infinity],
  flags: {
    'remove-orphans': { type: 'bool', help: 'Remove containers for services not defined in the Compose file' },
    rmi: {
      type: 'string',
      help: 'Remove images used by services. "local" remove only images that don\'t have a custom tag ("local"|"all")',
    },
    timeout: { type: 'int', short: 't', help: 'Specify a shutdown timeout in seconds' },
    volumes: {
      type: 'bool',
      short: 'v',
      help: 'Remove named volumes declared in the "volumes" section of the Compose file and anonymous volumes attached to containers',
    },
  },
  async run(context, input) {
    const { flags, changed } = input
    if (flags.rmi && flags.rmi !== 'all' && flags.rmi !== 'local')
      throw new CliError(`invalid value for --rmi: "${flags.rmi}"`)
    const { name, project } = await loadOrName(context, input)
    // A name on the command line says which project is meant, whichever directory it came from.
    const isNamed = groupFlags(input)['project-name'] !== ''
    await exclusively(context, name, async () => {
      const observed = await observeOwn(context, name, isNamed ? undefined : project)
      const plan = planDown(name, project, observed, {
        volumes: flags.volumes,
        removeOrphans: flags['remove-orphans'],
        rmi: flags.rmi || undefined,
        services: input.args,
      })
      if (plan.steps.length === 0) context.warn(`warning: No resource found to remove for project "${name}".`)
      await runPlan(context, input, {
        project,
        observed,
        plan,
        timeout: changed.has('timeout') ? flags.timeout : undefined,
      })
    })
  },
})
